#!/usr/bin/env bats
# xr-split --audit and --probe: what gives the labels away, and what does not.
load helpers

# 600 rows, groups of two. leak says the class in 9 of 10 rows, odd says it by a curve, noise and coin say
# nothing, patient is new in every group, one is always the same; a third of the rows lack some.
table() {
    awk 'BEGIN {
        srand(11)
        print "key,label,group,leak,odd,noise,coin,patient,one,some,center"
        for (i = 1; i <= 600; i++) {
            if (i % 2) {
                c = int(rand() * 3)
                g++
                leak = rand() < .9 ? c : int(rand() * 3)
                odd = c == 0 ? 1 + rand() : c == 1 ? rand() * .9 : 2.1 + rand() # class 0 lies between
                site = rand() < .5 ? "A" : "B"
            }
            printf "f%04d,%s,g%d,v%d,%.4f,%.4f,%s,p%d,x,%s,%s\n", (i * 7919) % 10007, substr("xyz", c + 1, 1), g,
                leak, odd, rand(), rand() < .5 ? "h" : "t", g, i % 3 ? sprintf("%.3f", c + rand()) : "", site
        }
    }' >t.csv
}
# auc FEATURE [COLUMN]: of a.csv
auc() {
    awk -F, -v f="$1" -v c="${2:-7}" '$1 == f { print $c }' a.csv
}
# between LOW X HIGH
between() {
    awk -v a="$1" -v x="$2" -v b="$3" 'BEGIN { exit !(x != "" && x >= a && x <= b) }' || {
        echo "$2 is not from $1 to $3" >&2
        return 1
    }
}

@test "--audit finds what leaks, and nothing in what does not" {
    table
    xr-split --audit --no-films t.csv >a.csv
    [ "$(head -1 a.csv)" = "feature,from,kind,way,values,missing,auc,auc_x,auc_y,auc_z" ]
    [ "$(grep -c '' a.csv)" = 11 ] # eight columns, the order and the number in the key
    between .9 "$(auc leak)" 1
    between .97 "$(auc odd)" 1
    [ "$(auc odd 4)" = bins ] # no straight line says class x
    between .42 "$(auc noise)" .58
    between .42 "$(auc coin)" .58
    between .42 "$(auc 'order of rows')" .58
    between .42 "$(auc 'number in key')" .58
    [ "$(auc patient)" = 0.5000 ] # a patient is in one fold alone
    [ "$(auc one)" = 0.5000 ]
    [ "$(auc some 6)" = 200 ]
    between .6 "$(auc some)" .99
    # sorted, largest first
    sed 1d a.csv | cut -d, -f7 | sort -rn | diff - <(sed 1d a.csv | cut -d, -f7)
    # without groups the patients of the pairs tell of each other
    xr-split --audit --no-films --no-group t.csv >a.csv
    between .7 "$(auc patient)" 1
    # rows in the order of their labels
    (head -1 t.csv && sed 1d t.csv | sort -t, -k2,2 -k3,3) >u.csv
    xr-split --audit --no-films u.csv >a.csv
    between .95 "$(auc 'order of rows')" 1
    xr-split --audit --no-films u.csv | cmp - a.csv
}

@test "a rank's area is the plain AUC where one fold says it" {
    # 40 rows in two folds, labels by a threshold with some wrong: the AUC of each fold by counting pairs
    awk 'BEGIN { srand(2); print "key,label,fold,x"
        for (i = 0; i < 400; i++) { x = rand(); print "k" i "," (x + rand() * .8 > .9 ? "b" : "a") "," i % 2 "," x } }' >t.csv
    xr-split --audit --no-films --no-group t.csv >a.csv
    want=$(awk -F, 'NR > 1 { n[$3]++; x[$3, n[$3]] = $4; y[$3, n[$3]] = $2 }
        END { for (f = 0; f < 2; f++) { s = 0; m = 0
            for (i = 1; i <= n[f]; i++) { for (j = 1; j <= n[f]; j++) { if (y[f, i] == "b" && y[f, j] == "a") {
                m++; s += x[f, i] > x[f, j] ? 1 : x[f, i] == x[f, j] ? .5 : 0 } } }
            sum += s / m }
            printf "%.4f", sum / 2 }' t.csv)
    [ "$(auc x)" = "$want" ]
    [ "$(auc x 4)" = rank ]
}

@test "--audit-max fails with one line that names the column" {
    table
    run -1 --separate-stderr xr-split --audit --no-films --audit-max .8 --audit-skip odd t.csv
    [[ $stderr =~ ^"xr-split: t.csv: column 'leak' alone reaches an AUC of 0."[0-9]+", above 0.8"$ ]]
    [ "${#lines[@]}" = 10 ] # the table is written all the same
    run -0 --separate-stderr xr-split --audit --no-films --audit-max .9999 --audit-skip odd,leak,some t.csv
    run -1 --separate-stderr xr-split --audit --no-films --audit-skip nothing t.csv
    [[ $stderr == "xr-split: t.csv:1: no column 'nothing'"* ]]
    wrong_usage xr-split --audit --check t.csv
    wrong_usage xr-split --audit --probe t.csv
    wrong_usage xr-split --audit -k 3 t.csv
    wrong_usage xr-split --audit-max .8 t.csv
    run -1 --separate-stderr xr-split --audit t.csv
    [[ $stderr == "xr-split: t.csv:2: f"*": cannot open: "* ]]
}

@test "films too: their size and brightness" {
    xr-synth -q -n 40 --size 64 --ratio 1:1:1 -s 5 -o .
    xr-split -q --audit --group patient_id dataset.csv >a.csv
    for f in "file size" "image width" "image height" "aspect ratio" "mean brightness" "border brightness" \
        "median brightness" "dark pixels" "bright pixels" sharpness; do
        between 0 "$(auc "$f")" 1
        [ "$(auc "$f" 2)" = film ]
    done
    xr-split -q --audit --group patient_id -j 3 dataset.csv | cmp - a.csv
    sed '2s|,images/[^,]*,|,gone.jpg,|' dataset.csv >g.csv
    run -1 --separate-stderr xr-split -q --audit --group patient_id g.csv
    [[ $stderr == "xr-split: g.csv:2: gone.jpg: cannot open: "* ]]
    xr-split -q --audit --group patient_id --skip-bad g.csv >a.csv
    [ "$(auc 'file size' 6)" = 1 ]
}

@test "--probe: what a small model reaches, with an interval" {
    table
    xr-split --probe --no-films --audit-skip odd,some,leak t.csv >p.csv
    [ "$(head -1 p.csv)" = "target,classes,rows,features,auc,low,high" ]
    IFS=, read -r target classes rows features auc low high < <(sed -n 2p p.csv)
    [ "$target,$classes,$rows,$features" = "label,3,600,5" ]
    between .4 "$auc" .6
    between 0 "$low" .5
    between .5 "$high" 1
    IFS=, read -r target classes rows features auc low high < <(sed -n 3p p.csv)
    [ "$target,$classes,$rows,$features" = "center,2,600,4" ]
    between .4 "$auc" .6
    xr-split --probe --no-films -n 0 t.csv >p.csv
    IFS=, read -r target classes rows features auc low high < <(sed -n 2p p.csv)
    between .97 "$auc" 1
    [ "$low$high" = "" ]
    xr-split --probe --no-films --probe-site leak -n 0 t.csv | grep -q '^leak,3,600,7,'
    run -1 --separate-stderr xr-split --probe --no-films --probe-site nothing t.csv
    [[ $stderr == "xr-split: t.csv:1: no column 'nothing'"* ]]
    wrong_usage xr-split --probe --audit-max .8 t.csv
    wrong_usage xr-split --probe-site center t.csv
}

@test "BTXRD: anatomy and the order of ids leak; what a network has to beat" {
    need_shared
    how="--key image_id --path images/{image_id} --root $SHARED/data/btxrd256 --group group -j 2 --audit-skip tumor,benign,malignant,tumor_type,block"
    run -1 --separate-stderr xr-split --audit $how --audit-max .8 -o a.csv "$SHARED/data/btxrd256/labels.csv"
    [[ $stderr == *"the number in key alone reaches an AUC of 0.98"* ]]
    [ "$(sed -n '2,4p' a.csv | cut -d, -f1 | sort | tr '\n' ' ')" = "anatomy number in key order of rows " ]
    between .9 "$(auc anatomy)" .97
    between .45 "$(auc gender)" .55
    xr-split --probe $how,anatomy "$SHARED/data/btxrd256/labels.csv" >p.csv
    between .74 "$(sed -n 2p p.csv | cut -d, -f5)" .84
    between .88 "$(sed -n 3p p.csv | cut -d, -f5)" .95
}
