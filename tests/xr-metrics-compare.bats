load helpers

# Two tables of the same ten rows in another order; b is worse.
tables() {
    cat >a.csv <<'CSV'
key,label,split,patient,p_normal,p_benign,p_malignant
a,normal,test,1,0.7,0.2,0.1
b,normal,test,1,0.6,0.3,0.1
c,normal,test,2,0.2,0.5,0.3
d,benign,test,2,0.2,0.7,0.1
e,benign,test,3,0.3,0.45,0.25
f,malignant,test,4,0.1,0.1,0.8
g,malignant,test,4,0.3,0.3,0.4
h,normal,test,5,0.8,0.1,0.1
i,benign,test,6,0.1,0.6,0.3
j,malignant,test,7,0.2,0.5,0.3
CSV
    cat >b.csv <<'CSV'
key,label,split,p_normal,p_benign,p_malignant
j,malignant,test,0.6,0.3,0.1
i,benign,test,0.2,0.5,0.3
h,normal,test,0.4,0.5,0.1
g,malignant,test,0.3,0.5,0.2
f,malignant,test,0.1,0.1,0.8
e,benign,test,0.5,0.3,0.2
d,benign,test,0.2,0.7,0.1
c,normal,test,0.5,0.2,0.3
b,normal,test,0.6,0.3,0.1
a,normal,test,0.2,0.7,0.1
CSV
}

# entry METHOD FIGURE KEY FILE: a value of the first such comparison
entry() {
    awk -v method="\"$1\"" -v figure="\"$2\"" -v key="\"$3\":" '
        function last() { v = $0; sub(/^[^:]*: */, "", v); sub(/,$/, "", v); return v }
        $1 == "\"a\":" { f = m = "" }
        $1 == "\"figure\":" { f = last() }
        $1 == "\"method\":" && m == "" { m = last() }
        $1 == key && f == figure && m == method { print last(); exit }' "$4"
}

@test "two tables: figures of each, and what differs, joined on the key" {
    tables
    run -0 --separate-stderr xr-metrics -n 500 -o c.json a.csv b.csv
    [ -z "$output$stderr" ]
    grep -q '"files": *\["a.csv", "b.csv"\]' c.json
    # a is right in 8 rows, b in 5, both in 4
    [ "$(entry mcnemar_exact accuracy only_a_right c.json)" = 4 ]
    [ "$(entry mcnemar_exact accuracy only_b_right c.json)" = 1 ]
    [ "$(entry mcnemar_exact accuracy both_right c.json)" = 4 ]
    [ "$(entry mcnemar_exact accuracy p c.json)" = 0.375 ]
    [ "$(entry mcnemar_mid_p accuracy p c.json)" = 0.21875 ]
    [[ $(entry paired_bootstrap accuracy value c.json) == 0.3* ]]
    grep -q '"a.csv": *"sha256:' c.json
    run ! grep -q -i '[: [-]nan\|[: [-]inf' c.json
}

@test "the order of rows does not matter; -j changes nothing; the other way round the sign turns" {
    tables
    xr-metrics -n 300 --no-history a.csv b.csv >1
    { head -1 b.csv; sed 1d b.csv | sort; } >s && mv s b.csv
    xr-metrics -n 300 -j 3 --no-history a.csv b.csv >2
    cmp 1 2
    xr-metrics -n 300 --no-history b.csv a.csv >turned
    [ "$(entry delong per_class.benign.roc_auc p 1)" = "$(entry delong per_class.benign.roc_auc p turned)" ]
    [ "-$(entry delong per_class.benign.roc_auc z 1)" = "$(entry delong per_class.benign.roc_auc z turned)" ]
}

@test "a table against itself: every difference is 0 and every p is 1" {
    tables
    mkdir x
    cp a.csv x
    xr-metrics -n 99 a.csv x/a.csv >c.json
    grep -q '"files": *\["a.csv", "x/a.csv"\]' c.json
    [ "$(entry delong roc_auc_ovr_macro p c.json)" = 1 ]
    [ "$(entry paired_bootstrap accuracy p c.json)" = 1 ]
    [ "$(entry mcnemar_exact accuracy p c.json)" = 1 ]
    [ "$(entry mcnemar_chi2 accuracy p c.json)" = null ]
    [ "$(entry mcnemar_chi2 accuracy reason c.json)" = '"no row differs"' ]
    xr-metrics -n 9 a.csv a.csv | grep -q '"files": *\["a.csv", "a.csv#2"\]'
}

@test "three tables: Holm over the three pairs" {
    tables
    sed 's/0.7,0.2,0.1$/0.1,0.2,0.7/' a.csv >c.csv
    xr-metrics -n 0 a.csv b.csv c.csv >c.json
    [ "$(grep -c '"mcnemar_exact"' c.json)" = 3 ]
    # exact p are 0.375, 1 and 0.625 (3 against 1)
    grep -A 16 '"mcnemar_exact"' c.json | grep '"p_holm"' >holm
    [ "$(head -1 holm | tr -dc '0-9.')" = 1 ]
    [ "$(wc -l <holm)" = 3 ]
}

@test "tables that are not of the same rows are refused, the first named" {
    tables
    grep -v '^[dg],' b.csv >less.csv
    run -1 --separate-stderr xr-metrics a.csv less.csv
    [ "$stderr" = "xr-metrics: less.csv: no key 'd', which a.csv has" ]
    [ -z "$output" ]
    run -1 --separate-stderr xr-metrics less.csv a.csv
    [ "$stderr" = "xr-metrics: a.csv:5: key 'd' is not in less.csv" ]
    sed 's/^e,benign/e,normal/' b.csv >other.csv
    run -1 --separate-stderr xr-metrics a.csv other.csv
    [ "$stderr" = "xr-metrics: other.csv:7: key 'e' has label 'normal', in a.csv it is 'benign'" ]
    sed '1s/p_benign/p_osteoma/; s/,benign,/,osteoma,/' b.csv >classes.csv
    run -1 --separate-stderr xr-metrics -o c.json a.csv classes.csv
    [ "$stderr" = "xr-metrics: classes.csv:1: class 2 is 'osteoma', in a.csv it is 'benign'" ]
    [ ! -e c.json ]
    printf 'key,label,p_normal,p_benign\na,normal,1,0\n' >two.csv
    run -1 --separate-stderr xr-metrics a.csv two.csv
    [ "$stderr" = "xr-metrics: two.csv:1: no class 'malignant', which a.csv has" ]
}

@test "groups: DeLong's variance is that of patients, McNemar says what it takes rows for" {
    tables
    xr-metrics -n 99 --group patient a.csv b.csv >c.json
    [[ $(entry delong_clustered per_class.normal.roc_auc z c.json) == [0-9-]* ]]
    grep -q '"note": *"takes rows of a group as independent"' c.json
    [ "$(entry delong per_class.normal.roc_auc z c.json)" = "" ]
}

@test "text for people" {
    tables
    xr-metrics -t -n 0 a.csv b.csv >got
    grep -q '^10 rows, 3 classes, 2 files$' got
    grep -q '^(2)  b.csv$' got
    grep -q '^right: 4 rows in both, 4 in (1) only, 1 in (2) only, 1 in none$' got
    grep -q '^McNemar, exact  *0.375    0.375$' got
    grep -qE '^accuracy +0.800 +0.500$' got
    run ! grep -q ' $' got
}

@test "ugly: one class, constant scores, one row" {
    printf 'key,label,p_x,p_y\na,x,0.5,0.5\nb,x,0.5,0.5\n' >one.csv
    xr-metrics -n 50 one.csv one.csv >c.json
    [ "$(entry delong per_class.x.roc_auc value c.json)" = null ]
    [ "$(entry delong per_class.x.roc_auc reason c.json)" = '"undefined for these rows"' ]
    [ "$(entry delong per_class.x.roc_auc p c.json)" = null ]
    printf 'key,label,p_x,p_y\na,x,0.5,0.5\nb,y,0.5,0.5\nc,y,0.5,0.5\n' >flat.csv
    printf 'key,label,p_x,p_y\na,x,0.9,0.1\nb,y,0.5,0.5\nc,y,0.5,0.5\n' >other.csv
    xr-metrics -n 50 flat.csv other.csv >c.json
    [ "$(entry delong per_class.x.roc_auc value c.json)" = -0.5 ]
    [ "$(entry delong per_class.x.roc_auc variance c.json)" = null ]
    head -2 one.csv >row.csv
    xr-metrics -n 50 row.csv row.csv >c.json
    xr-metrics -t -n 50 row.csv row.csv >text
    grep -q '^1 rows, 2 classes' text
    run ! grep -q -i '[: [-]nan\|[: [-]inf' c.json text
}

@test "the reference tables: paired tests of SciPy and statsmodels in the output" {
    need_shared
    g=$SHARED/golden/metrics
    xr-metrics -n 0 "$g/a_test562.csv" "$g/a_test562_model2.csv" >c.json
    [[ $(entry delong per_class.benign.roc_auc p c.json) == 0.00771987899821* ]]
    [[ $(entry mcnemar_mid_p accuracy p c.json) == 0.016841422756845* ]]
    [[ $(entry mcnemar_chi2_corrected accuracy chi2 c.json) == 5.33333333333333* ]]
}
