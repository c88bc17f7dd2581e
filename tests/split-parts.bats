#!/usr/bin/env bats
# xr-split: runs as groups, folds by a column, nested folds, a frozen hold-out, subsets.
load helpers

# table ROWS: groups of 1 to 4 consecutive rows that agree in center, age and sex; three classes.
table() {
    awk -v n="$1" 'BEGIN {
        srand(4)
        print "key,label,center,age,sex"
        for (i = 1; i <= n; i++) {
            if (i == 1 || rand() < .5) {
                class = rand() < .5 ? "normal" : rand() < .8 ? "benign" : "malignant"
                center = rand() < .7 ? 10 : rand() < .7 ? 9 : 2
                age = (age + 1 + int(rand() * 50)) % 90
                sex = rand() < .5 ? "F" : "M"
            }
            printf "IMG%05d,%s,%d,%d,%s\n", i, class, center, age, sex
        }
    }'
}

# column NAME FILE: its cells
column() {
    awk -F, -v name="$1" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) c = i; next } { print $c }' "$2"
}

@test "--group-runs: consecutive rows that agree, named by the first" {
    printf 'key,label,c,a\nk1,x,1,5\nk2,x,1,5\nk3,y,2,5\nk4,x,1,5\nk5,y,1,5\nk6,y,1,6\n' >t.csv
    xr-split -q --group-runs c,a t.csv >s.csv
    [ "$(column group s.csv | tr '\n' ' ')" = "k1 k1 k3 k4 k4 k6 " ]
    [[ $(head -1 s.csv) == "key,path,label,class,group,split,c,a" ]]
    # a row that is left out does not cut a run, a column 'group' is replaced
    printf 'key,label,c,group\nk1,,1,a\nk2,x,1,b\nk3,,1,c\nk4,x,1,d\nk5,,2,e\nk6,y,1,f\n' >t.csv
    xr-split -q --drop-unlabelled --group-runs c t.csv >s.csv
    [ "$(column group s.csv | tr '\n' ' ')" = "k2 k2 k6 " ]
    run -1 --separate-stderr xr-split --drop-unlabelled --group-runs c,x t.csv
    [[ $stderr == "xr-split: t.csv:1: no column 'x'"* ]]
    wrong_usage xr-split --group-runs c --no-group t.csv
    wrong_usage xr-split --group-runs c --group c t.csv
    wrong_usage xr-split --check --group-runs c t.csv
    printf 'key,label,c\na,x,\n' >t.csv
    run -1 --separate-stderr xr-split --group-runs c t.csv
    [ "$stderr" = "xr-split: t.csv:2: no group in column 'c'" ]
}

@test "--group-runs gives the groups that were named by hand" {
    need_shared
    # the surrogate patients of the whole table, but for those that only a duplicate joined
    xr-split -q --key image_id --group-runs center,age,gender,anatomy "$SHARED/data/btxrd256/labels.csv" >s.csv
    awk -F, 'NR == 1 { next } !($5 in a) { a[$5] = ++n } END { exit !(n > 1000 && n < 1100) }' s.csv
    xr-split --check s.csv
}

@test "--by: a fold a value, numbers in order, no group in two" {
    table 400 >t.csv
    xr-split --group-runs center,age,sex --by center t.csv >s.csv
    [ "$(awk -F, 'NR > 1 { print $6 "=" $7 }' s.csv | sort -u | tr '\n' ' ')" = "0=2 1=9 2=10 " ]
    xr-split --check s.csv >c.csv
    [ "$(cut -d, -f1 c.csv | tr '\n' ' ')" = "part 0 1 2 all " ]
    sed 's/,10,/,b,/; s/,9,/,B,/; s/,2,/,a,/' t.csv >u.csv
    xr-split --no-group --by center u.csv >s.csv
    [ "$(awk -F, 'NR > 1 { print $5 "=" $6 }' s.csv | sort -u | tr '\n' ' ')" = "0=B 1=a 2=b " ]
    printf 'key,label,group,c\na,x,1,p\nb,x,2,q\nc,x,1,q\n' >t.csv
    run -1 --separate-stderr xr-split --by c t.csv
    [ "$stderr" = "xr-split: t.csv:4: c 'q', but another row of its group has 'p' in line 2" ]
    run -1 --separate-stderr xr-split --no-group --by label t.csv
    [ "$stderr" = "xr-split: t.csv: --by: column 'label' has one value only" ]
    run -1 --separate-stderr xr-split --by d t.csv
    [[ $stderr == "xr-split: t.csv:1: no column 'd'"* ]]
    printf 'key,label,c\na,x,\nb,x,1\n' >t.csv
    run -1 --separate-stderr xr-split --no-group --by c t.csv
    [ "$stderr" = "xr-split: t.csv:2: no value in column 'c'" ]
    for other in "--ratio 70/15/15" "-k 3" "--holdout t.csv"; do
        wrong_usage xr-split --by c $other t.csv
    done
}

@test "--nested: the rest of every fold in folds of its own, groups whole, shares kept" {
    table 600 >t.csv
    xr-split --group-runs center,age,sex -k 4 --test-ratio .2 --nested 3 t.csv >s.csv
    [[ $(head -1 s.csv) == "key,path,label,class,group,split,fold,inner_0,inner_1,inner_2,inner_3,center,age,sex" ]]
    awk -F, '
        NR == 1 { next }
        {
            for (f = 0; f < 4; f++) {
                v = $(8 + f)
                if (($6 == "test" || $7 == f) != (v == "")) { print "empty where it must not be, or not: " $0; bad = 1 }
                if (v == "") { continue }
                if (v !~ /^[012]$/) { print "what is " v; bad = 1 }
                if ((f, $5) in at && at[f, $5] != v) { print "group " $5 " in two"; bad = 1 }
                at[f, $5] = v
                n[f, v, $3]++
                all[f, $3]++
            }
        }
        END {
            for (i in n) {
                split(i, p, SUBSEP)
                d = n[i] - all[p[1], p[3]] / 3
                if (d > 1.5 || d < -1.5) { print "off by " d; bad = 1 }
            }
            exit bad
        }' s.csv
    xr-split --check s.csv
    # proved too: one inner fold of a group changed
    awk -F, -v OFS=, '
        NR > 1 && $8 != "" && seen[$5]++ && !done { $8 = ($8 + 1) % 3; done = 1 }
        { print }' s.csv >bad.csv
    run -1 --separate-stderr xr-split --check bad.csv
    [[ $stderr == *"group 'IMG"*"' is in inner_0 "*", and in "*" in line "* ]]
    wrong_usage xr-split --nested 3 t.csv
    wrong_usage xr-split -k 3 --nested 1 t.csv
    run -0 xr-split -q --by center --nested 2 --no-group t.csv
    [[ ${lines[0]} == "key,path,label,class,fold,inner_0,inner_1,inner_2,"* ]]
}

@test "--subsets: nested, stratified, groups whole; only what is trained on" {
    table 800 >t.csv
    xr-split --group-runs center,age,sex --subsets .1,.25,.5 t.csv >s.csv
    [[ $(head -1 s.csv) == "key,path,label,class,group,split,subset,center,age,sex" ]]
    awk -F, '
        NR == 1 { next }
        ($6 == "train") != ($7 != "") { print "subset of " $6; bad = 1 }
        $7 == "" { next }
        {
            if ($5 in at && at[$5] != $7) { print "group " $5 " in two"; bad = 1 }
            at[$5] = $7
            all[$3]++
            for (s = 1; s <= 4; s++) { if ($7 <= share[s] + 0) { n[s, $3]++ } }
        }
        BEGIN { split(".1 .25 .5 1", share, " ") }
        END {
            for (i in n) {
                split(i, p, SUBSEP)
                d = n[i] - all[p[2]] * share[p[1]]
                if (d > 2 || d < -2) { print i " off by " d; bad = 1 }
            }
            exit bad
        }' s.csv
    xr-split -k 3 --test-ratio .2 --no-group --subsets .5 t.csv >k.csv
    [ "$(awk -F, 'NR > 1 { print ($5 == "test") "," $7 }' k.csv | sort -u | tr '\n' ' ')" = "0,0.5 0,1 1, " ]
    for bad in .5,.2 0 1 .1,,.2 x ""; do
        wrong_usage xr-split --no-group --subsets "$bad" t.csv
    done
}

@test "--holdout: test rows of an earlier split stay, their groups with them" {
    table 400 >all.csv
    head -301 all.csv >t.csv
    xr-split --group-runs center,age,sex t.csv >old.csv
    grep -v '^IMG00301' all.csv >u.csv # the last patient may go on in the new rows
    xr-split -q --group-runs center,age,sex --holdout old.csv u.csv >new.csv
    awk -F, '$6 == "test" { print $1 }' old.csv | sort >a
    awk -F, '$6 == "test" { print $1 }' new.csv | sort >b
    [ -z "$(comm -23 a b)" ]
    # what came to it is of their groups
    awk -F, 'NR == FNR { if ($6 == "test") { held[$1] = 1 }; next }
        FNR > 1 { group[$1] = $5; if ($1 in held) { g[$5] = 1 }; if ($6 == "test") { t[$1] = 1 } }
        END { for (k in t) { if (!(group[k] in g)) { exit 1 } } }' old.csv new.csv
    xr-split --check new.csv >c.csv
    # train and val in the proportion 70 to 15 of what is left
    awk -F, '$1 ~ /train|val/ { n[$1] = $2 } END { d = n["val"] - (n["train"] + n["val"]) * 15 / 85; exit !(d < 1.5 && d > -1.5) }' c.csv
    # beside folds
    xr-split -q --group-runs center,age,sex -k 4 --holdout old.csv u.csv >k.csv
    awk -F, '$6 == "test" { print $1 }' k.csv | sort | cmp - b
    xr-split --check k.csv >c.csv
    awk -F, '$1 ~ /^[0-3]$/ { if (!n++) { lo = hi = $2 }; if ($2 < lo) lo = $2; if ($2 > hi) hi = $2 } END { exit !(n == 4 && hi - lo < 4) }' c.csv
    # said: what is gone, and what joined
    grep -v "^$(head -1 a)," u.csv >v.csv
    run -0 --separate-stderr xr-split --group-runs center,age,sex --holdout old.csv v.csv
    [[ $stderr == *"warning: v.csv: 1 of the $(grep -c '' a) test rows of old.csv are not in the table"* ]]
    printf 'key,label,group\na,x,1\nb,x,1\nc,x,2\nd,y,3\n' >t.csv
    printf 'key,split\na,test\n' >old.csv
    run -0 --separate-stderr xr-split --holdout old.csv t.csv
    [[ $stderr == *"1 rows are in test because others of their groups were in old.csv"* ]]
    printf 'key,split\nz,test\n' >old.csv
    run -1 --separate-stderr xr-split --holdout old.csv t.csv
    [ "$stderr" = "xr-split: t.csv: none of the test rows of 'old.csv' is in it" ]
    printf 'key,split\na,train\n' >old.csv
    run -1 --separate-stderr xr-split --holdout old.csv t.csv
    [ "$stderr" = "xr-split: old.csv: no row has split 'test'" ]
    wrong_usage xr-split -k 4 --test-ratio .2 --holdout old.csv t.csv
}

@test "the same rows in another order have the same subsets, inner folds and hold-out" {
    table 300 | awk -F, -v OFS=, 'NR == 1 { print $0, "group"; next } { print $0, $3 ":" $4 ":" $5 }' >t.csv
    (head -1 t.csv && sed 1d t.csv | sort -t, -k4n -k1r) >u.csv
    for how in "-k 3 --nested 2 --subsets .2,.6" "--subsets .3" "--by center --nested 3"; do
        xr-split $how t.csv | sort >a.csv
        xr-split $how u.csv | sort >b.csv
        cmp a.csv b.csv
        xr-split $how -s 1 t.csv | sort >c.csv
        run -1 cmp -s a.csv c.csv
    done
}
