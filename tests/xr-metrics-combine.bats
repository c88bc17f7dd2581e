load helpers

tables() {
    cat >a.csv <<'CSV'
key,label,split,center,p_x,p_y,pred,note
a,x,test,1,0.75,0.25,x,"first, row"
b,y,test,1,0.625,0.375,x,
c,y,test,2,0.25,0.75,y,
d,x,test,2,0.375,0.625,y,
CSV
    cat >b.csv <<'CSV'
key,label,split,p_x,p_y
d,x,test,0.875,0.125
c,y,test,0.5,0.5
b,y,test,0.125,0.875
a,x,test,0.25,0.75
CSV
}

@test "an ensemble is measured, and written in the columns and order of the first table" {
    tables
    cat >want <<'CSV'
key,label,split,center,p_x,p_y,pred,note
a,x,test,1,0.5,0.5,x,"first, row"
b,y,test,1,0.375,0.625,y,
c,y,test,2,0.375,0.625,y,
d,x,test,2,0.625,0.375,x,
CSV
    xr-metrics --ensemble mean -n 50 --predictions-out e.csv -o m.json a.csv b.csv
    diff want e.csv
    grep -A 1 '"ensemble"' m.json | grep -q '"rule": *"mean"'
    grep -q '"files": *\["a.csv", "b.csv"\]' m.json
    grep -q '"b.csv": *"sha256:' m.json
    grep -A 1 '"accuracy"' m.json | grep -q '"value": *1,'
    # the same figures from the table that was written
    xr-metrics -n 50 --no-history e.csv >again.json
    xr-metrics -n 50 --no-history --ensemble mean a.csv b.csv | grep -v '"ensemble"\|"rule"\|"files"' >m.json
    diff <(grep '"value"\|"low"\|"high"' again.json) <(grep '"value"\|"low"\|"high"' m.json)
}

@test "logmean and vote" {
    tables
    xr-metrics -n 0 --ensemble vote --predictions-out e.csv -o m.json a.csv b.csv
    [ "$(cut -d, -f1,5-7 e.csv | sed -n 3p)" = b,0.5,0.5,x ]
    [ "$(cut -d, -f1,5-7 e.csv | sed -n 4p)" = c,0.5,0.5,x ]
    xr-metrics -n 0 --ensemble logmean --predictions-out e.csv -o m.json a.csv b.csv
    # sqrt(3/4 * 1/4) twice: one half; sqrt(3/8 * 7/8) : sqrt(5/8 * 1/8)
    [[ $(sed -n 2p e.csv) == a,x,test,1,0.5,0.5,x,* ]]
    [[ $(sed -n 5p e.csv | cut -d, -f5) == 0.67206* ]]
}

@test "rows without a label stay in the table that is written" {
    tables
    sed -i 's/^c,y,/c,,/' a.csv b.csv
    run -1 --separate-stderr xr-metrics --ensemble mean --predictions-out e.csv a.csv b.csv
    [[ $stderr == "xr-metrics: a.csv:4: no label"* ]]
    [ ! -e e.csv ]
    run -0 --separate-stderr xr-metrics -n 0 --ensemble mean --skip-unlabelled --predictions-out e.csv a.csv b.csv
    [[ $output == *'"n_unlabelled": 1'* || $output == *'"n_unlabelled":'* ]]
    [ "$(grep -c '^c,,' e.csv)" = 1 ]
}

@test "misuse and failures leave nothing behind" {
    tables
    wrong_usage xr-metrics --ensemble mean a.csv
    wrong_usage xr-metrics --ensemble median a.csv b.csv
    wrong_usage xr-metrics --predictions-out e.csv a.csv b.csv
    wrong_usage xr-metrics --ensemble mean --predictions-out m.json -o m.json a.csv b.csv
    grep -v '^b' b.csv >less.csv
    run -1 --separate-stderr xr-metrics --ensemble mean --predictions-out e.csv a.csv less.csv
    [ "$stderr" = "xr-metrics: less.csv: no key 'b', which a.csv has" ]
    [ -z "$output" ]
    [ ! -e e.csv ]
    run -1 --separate-stderr xr-metrics -n 0 --ensemble mean --predictions-out none/e.csv a.csv b.csv
    [ -z "$output" ]
    [[ $stderr == "xr-metrics: none/e.csv: "* || $stderr == *"none"* ]]
}
