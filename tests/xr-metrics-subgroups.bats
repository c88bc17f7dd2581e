load helpers

# Twelve rows of three classes; centre 3 has no malignant film, one age is unknown.
table() {
    cat >p.csv <<'CSV'
key,label,patient,center,age,p_normal,p_benign,p_malignant
a,normal,1,10,7,0.7,0.2,0.1
b,normal,1,10,17,0.6,0.3,0.1
c,normal,2,10,18,0.2,0.5,0.3
d,benign,2,10,39,0.2,0.7,0.1
e,benign,3,9,40,0.5,0.3,0.2
f,malignant,4,9,41,0.1,0.1,0.8
g,malignant,4,9,66,0.3,0.3,0.4
h,normal,5,9,70,0.8,0.1,0.1
i,benign,6,3,71,0.1,0.6,0.3
j,normal,7,3,72,0.6,0.3,0.1
k,benign,8,3,80,0.1,0.6,0.3
l,malignant,9,10,,0.2,0.4,0.4
CSV
}

# value OF PATH FILE: the number PATH (a figure's name) of the subgroup COLUMN=LEVEL
value() {
    awk -v column="\"${1%%=*}\"" -v level="\"${1#*=}\"" -v figure="\"$2\":" -v key="\"$3\":" '
        function last() { v = $0; sub(/^[^:]*: */, "", v); sub(/,$/, "", v); return v }
        $1 == "\"gaps\":" { exit }
        $1 == "\"column\":" { here = last() == column }
        $1 == "\"value\":" && here && !found { l = last(); if (l ~ /^"/) right = l == level }
        $1 == figure { f = 1 }
        f && here && right && $1 == key { print last(); exit }
        f && /}/ { f = 0 }' "$4"
}

@test "subgroups in the order of numbers, bands, a level of empty cells" {
    table
    run -0 --separate-stderr xr-metrics -n 100 --by center,age:0-18-40-65- -o m.json p.csv
    [ -z "$output$stderr" ]
    printf '"%s",\n' center 3 center 9 center 10 age 0-18 age 18-40 age 40-65 age 65- age '' >want
    sed -n '/"subgroups"/,/"gaps"/p' m.json | grep -A 1 '"column"' | grep -v '^--' |
        sed 's/^[^:]*: *//' >levels
    diff want levels
    [ "$(value center=9 accuracy value m.json)" = 0.75 ]
    [ "$(value age=0-18 accuracy value m.json)" = 1 ]
    [ "$(value age= accuracy value m.json)" = 0 ]
    run ! grep -q -i '[: [-]nan\|[: [-]inf' m.json
}

@test "a subgroup's figures are those of its rows alone" {
    table
    { head -1 p.csv; grep ',[0-9]*,9,' p.csv; } >nine.csv
    xr-metrics -n 60 --no-history nine.csv >alone.json
    xr-metrics -n 60 --no-history --by center p.csv >m.json
    for figure in accuracy balanced_accuracy roc_auc_ovr_macro log_loss; do
        for bound in value low high method; do
            want=$(grep -A 6 "^  \"$figure\": " alone.json | grep "\"$bound\"" | head -1 | sed 's/^[^:]*: *//; s/,$//')
            [ "$(value center=9 $figure $bound m.json)" = "$want" ]
        done
    done
}

@test "absent classes: null with a reason, and out of the gaps" {
    table
    xr-metrics -n 50 --by center p.csv >m.json
    [ "$(value center=3 roc_auc_ovr_macro value m.json)" = null ]
    [[ $(value center=3 roc_auc_ovr_macro reason m.json) == '"'* ]]
    [ "$(value center=3 per_class.malignant.roc_auc value m.json)" = null ]
    # recall of malignant: 1 in centre 9, 0 in centre 10; centre 3 has none and would be 0
    grep -A 12 '"figure": *"per_class.malignant.recall"' m.json >gap
    grep -q '"value": *1,' gap
    grep -q '"between": *\["9", "10"\]' gap
    # macro averages of centre 3 count the absent class as 0
    grep -A 14 '"figure": *"macro_avg.recall"' m.json | grep '"between"' | grep -q '"9", "10"'
    # one level only: no gap
    xr-metrics -n 50 --by label p.csv >m.json
    grep -A 6 '"figure": *"roc_auc_ovr_macro"' m.json | grep -q '"comparable in fewer than two subgroups"'
}

@test "the interval of a gap is that of whole patients where they are asked for" {
    table
    xr-metrics -n 200 --by center p.csv | sed -n '/"gaps"/,$p' >rows
    xr-metrics -n 200 --by center --group patient p.csv | sed -n '/"gaps"/,$p' >patients
    run ! cmp -s rows patients
    diff <(grep '"value"' rows) <(grep '"value"' patients)
    xr-metrics -n 200 -j 3 --by center p.csv | sed -n '/"gaps"/,$p' >again
    diff <(sed '/"history"/,$d' rows) <(sed '/"history"/,$d' again)
}

@test "text of subgroups, gaps and net benefit" {
    table
    xr-metrics -t -n 0 --by center --decision malignant p.csv >got
    grep -qE '^center +3 +9 +10$' got
    grep -qE '^rows +3 +4 +5$' got
    grep -qE '^accuracy +1.000 +0.750 +0.600$' got
    grep -qE '^roc_auc_ovr_macro +- ' got
    grep -qE '^per_class.malignant.recall +\+1.000 +9 over 10$' got
    grep -q '^Net benefit of acting on malignant' got
    grep -qE '^ +0.50 +1 +0  \+0.083 +-0.500$' got
    run ! grep -q ' $' got
}

@test "decision curves: counts, net benefit, treating all" {
    table
    xr-metrics -n 50 --decision malignant,normal --no-history p.csv >m.json
    [ "$(grep -c '"class": *"' m.json)" = 2 ]
    sed -n '/"decision_curves"/,/"fp"/p' m.json | head -8 >curve
    grep -q '"class": *"malignant"' curve
    # at 0.3: f, g, l and c, i, k are acted on (of 12): 3/12 - 3/12 * 3/7
    xr-metrics -t -n 0 --decision malignant p.csv | grep -qE '^ +0.30 +3 +3  \+0.143 '
}

@test "misuse and wrong columns" {
    table
    wrong_usage xr-metrics --by age:40-18 p.csv
    wrong_usage xr-metrics --by age:40 p.csv
    wrong_usage xr-metrics --by center, p.csv
    wrong_usage xr-metrics --by center,center p.csv
    wrong_usage xr-metrics --decision osteoma p.csv
    wrong_usage xr-metrics --by center p.csv p.csv
    run -1 --separate-stderr xr-metrics --by hospital -o m.json p.csv
    [[ $stderr == *"hospital"* ]]
    [ ! -e m.json ]
    run -1 --separate-stderr xr-metrics --by age:0-18-40 p.csv
    [ "$stderr" = "xr-metrics: p.csv:6: column 'age': '40': in no band" ]
    run -1 --separate-stderr xr-metrics --by label:0-1 p.csv
    [ "$stderr" = "xr-metrics: p.csv:2: column 'label': 'normal': not a number" ]
    { echo key,label,x,p_a,p_b; for i in $(seq 70); do echo "$i,a,$i,1,0"; done; } >many.csv
    run -1 --separate-stderr xr-metrics --by x many.csv
    [[ $stderr == *"column 'x' has more than 64 values"* ]]
}

@test "ugly: one class, one row, constant scores, twenty classes" {
    printf 'key,label,g,p_x,p_y\na,x,1,0.5,0.5\nb,x,2,0.5,0.5\n' >one.csv
    xr-metrics -n 50 --by g --decision y one.csv >m.json
    xr-metrics -t -n 50 --by g --decision y one.csv >text
    run ! grep -q -i '[: [-]nan\|[: [-]inf' m.json text
    head -2 one.csv | xr-metrics -n 50 --by g --decision x >m.json
    run ! grep -q -i '[: [-]nan\|[: [-]inf' m.json
    awk 'BEGIN { printf "key,label,g"; for (c = 1; c <= 20; c++) printf ",p_a long name of class %d", c; print ""
        for (i = 1; i <= 60; i++) { printf "k%d,a long name of class %d,%d", i, i % 20 + 1, i % 3
            for (c = 1; c <= 20; c++) printf ",0.05"; print "" } }' >twenty.csv
    xr-metrics -n 20 --by g --decision 'a long name of class 7' twenty.csv >m.json
    xr-metrics -t -n 20 --by g twenty.csv >text
    grep -q 'per_class.a long name of class 20.roc_auc  *0.500 \[0.500, 0.500\]' text
    run ! grep -q -i '[: [-]nan\|[: [-]inf' m.json text
}

@test "the reference table: subgroups of scikit-learn in the output" {
    need_shared
    xr-metrics -n 0 --by sex,age:0-18-40-60-200 --decision malignant \
        --proportion-interval wilson "$SHARED/golden/metrics/e_all3746.csv" >m.json
    [[ $(value sex=M balanced_accuracy value m.json) == 0.71025232092094* ]]
    [[ $(value sex=M per_class.malignant.recall low m.json) == 0.538780386297* ]]
    [[ $(value sex=M per_class.malignant.recall high m.json) == 0.67320783469986* ]]
}
