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

# Two folds of eight rows, and both in one table with a column fold.
folds() {
    cat >all.csv <<'CSV'
key,label,patient,fold,p_x,p_y
a,x,1,0,0.9,0.1
b,x,1,0,0.6,0.4
c,x,2,0,0.4,0.6
d,y,2,0,0.5,0.5
e,y,3,0,0.3,0.7
f,y,4,0,0.7,0.3
g,x,5,1,0.8,0.2
h,x,5,1,0.3,0.7
i,y,6,1,0.1,0.9
j,y,7,1,0.4,0.6
CSV
    awk -F, 'NR == 1 || $4 == 0' all.csv >one.csv
    awk -F, 'NR == 1 || $4 == 1' all.csv | cut -d, -f 1,2,4- >two.csv
}

# top KEY OF FILE: the number KEY of the figure OF at the top of the object
top() {
    sed -n "/^  \"$2\": /,/}/p" "$3" | sed -n "s/^ *\"$1\": *\(.*[^,]\),*$/\1/p"
}

@test "folds pooled: the figures of all rows, a table of the folds" {
    folds
    xr-metrics -n 50 --no-history --folds pooled one.csv two.csv >p.json
    cut -d, -f 1,2,4- all.csv | xr-metrics -n 50 --no-history >all.json
    for key in value low high; do
        [ "$(top $key accuracy p.json)" = "$(top $key accuracy all.json)" ]
        [ "$(top $key log_loss p.json)" = "$(top $key log_loss all.json)" ]
    done
    grep -q '"kind": *"pooled"' p.json
    [ "$(grep -c '"fold": *"\(one\|two\).csv"' p.json)" = 2 ]
    run ! grep -q -i '[: [-]nan\|[: [-]inf' p.json
}

@test "folds averaged: means, counts added up, by file or by the column fold" {
    folds
    xr-metrics -n 50 --no-history --folds averaged one.csv two.csv >a.json
    # accuracy 3/6 (d is a tie, of x) and 3/4
    [ "$(top value accuracy a.json)" = 0.625 ]
    grep -q '"within": *"fold"' a.json
    [ "$(grep -A 2 '"confusion_matrix"' a.json | tr -dc '0-9')" = 3223 ]
    xr-metrics -n 50 --no-history --folds averaged all.csv >b.json
    diff <(sed '/"folds"/,$d' a.json) <(sed '/"folds"/,$d' b.json)
    grep -q '"fold": *"1"' b.json
    xr-metrics -n 50 --no-history --folds averaged -j 3 <all.csv >c.json
    cmp b.json c.json
}

@test "averaged areas: DeLong's variances of the folds, from all pairs" {
    folds
    awk -F, 'NR > 1 { n[$4]++; p[$4, n[$4]] = $6; y[$4, n[$4]] = $2 == "y" }
        function psi(a, b) { return a > b ? 1 : a == b ? 0.5 : 0 }
        END { for (v = 0; v < 2; v++) {
                m[0] = m[1] = 0
                for (i = 1; i <= n[v]; i++) m[y[v, i]]++
                area = 0
                for (i = 1; i <= n[v]; i++) { s[i] = 0
                    for (j = 1; j <= n[v]; j++) if (y[v, j] != y[v, i])
                        s[i] += (y[v, i] ? psi(p[v, i], p[v, j]) : psi(p[v, j], p[v, i])) / m[1 - y[v, i]]
                    if (y[v, i]) area += s[i] / m[1] }
                for (i = 1; i <= n[v]; i++)
                    variance += (s[i] - area) ^ 2 / (m[y[v, i]] - 1) / m[y[v, i]] / 4
                mean += area / 2 }
            printf "%.6f\n%.6f\n", mean, mean - 1.959963984540054 * sqrt(variance) }' all.csv >want
    xr-metrics -n 50 --folds averaged --auc-interval delong all.csv >a.json
    { top value roc_auc_ovr_macro a.json; top low roc_auc_ovr_macro a.json; } >got
    diff want <(xargs printf '%.6f\n' <got)
    [ "$(top method roc_auc_ovr_macro a.json)" = '"delong"' ]
}

@test "folds: the pooled table is written; text" {
    folds
    xr-metrics -t -n 0 --folds averaged --predictions-out all2.csv one.csv two.csv >got
    diff <(sed 's/,7,1,0.4/,,1,0.4/; s/,[56],1,/,,1,/' all.csv) all2.csv
    grep -q '^mean of 2 folds, rows resampled within each$' got
    grep -qE '^fold +one.csv +two.csv$' got
    grep -qE '^accuracy +0.500 +0.750$' got
    grep -qE '^accuracy +0.625 \[-2.126, 3.376\] +0.177$' got
    run ! grep -q ' $' got
}

@test "folds: misuse, common keys, a fold without rows, one fold" {
    folds
    wrong_usage xr-metrics --folds averaged --ensemble mean one.csv two.csv
    wrong_usage xr-metrics --folds averaged --by fold all.csv
    wrong_usage xr-metrics --folds averaged --proportion-interval wilson all.csv
    run -1 --separate-stderr xr-metrics --folds pooled all.csv two.csv
    [[ $stderr == "xr-metrics: two.csv:2: key 'g' is in all.csv too: folds have no row in common"* ]]
    run -1 --separate-stderr xr-metrics --folds averaged -o m.json one.csv
    [ "$stderr" = "xr-metrics: one.csv: one fold only" ]
    [ ! -e m.json ]
    run -1 --separate-stderr xr-metrics --folds averaged <<<$'key,label,p_x\na,x,1'
    [[ $stderr == *"'fold'"* ]]
    sed -i 's/,[xy],1,/,,1,/' two.csv
    run -1 --separate-stderr xr-metrics -n 0 --folds averaged --skip-unlabelled one.csv two.csv
    [[ $stderr == *"xr-metrics: two.csv: no labelled row"* ]]
    # an absent class in a fold: undefined, with a reason
    grep -v '^[gh]' all.csv >absent.csv
    xr-metrics -n 50 --folds averaged absent.csv >a.json
    [ "$(top value roc_auc_ovr_macro a.json)" = null ]
    [ "$(top reason roc_auc_ovr_macro a.json)" = '"undefined in a fold"' ]
    run ! grep -q -i '[: [-]nan\|[: [-]inf' a.json
}
