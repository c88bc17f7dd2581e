#!/usr/bin/env bats
# xr-split --flow and --demographics: what became of the rows, who is in which part.
load helpers

table() {
    awk 'BEGIN {
        srand(6)
        print "key,label,group,age,sex,note,score"
        for (i = 1; i <= 400; i++)
            printf "k%d,%s,g%d,%s,%s,n%d,%d\n", i, i == 7 ? "" : rand() < .6 ? "a" : "b", int(i / 2),
                rand() < .05 ? "" : sprintf("%.1f", 20 + 60 * rand()), rand() < .3 ? "F" : "M", i, int(rand() * 4)
    }' >t.csv
}
# cell COLUMN LEVEL STATISTIC PART: of d.csv
cell() {
    awk -F, -v c="$1" -v l="$2" -v s="$3" -v p="$4" 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
        $1 == c && $2 == l && $3 == s { print $at[p] }' d.csv
}
# near A B
near() {
    awk -v a="$1" -v b="$2" 'BEGIN { d = a - b; exit !(a != "" && b != "" && d < 2e-5 && d > -2e-5) }' || {
        echo "$1 is not $2" >&2
        return 1
    }
}

@test "--flow: read, left out by reason, kept, by part" {
    table
    xr-split -q --drop-unlabelled --flow f.csv -o s.csv t.csv
    [ "$(cat f.csv)" = "step,reason,rows
read,,400
left out,unlabelled,1
kept,,399
part,train,$(grep -c ',train,' s.csv)
part,val,$(grep -c ',val,' s.csv)
part,test,$(grep -c ',test,' s.csv)" ]
    xr-split -q --drop-unlabelled -k 3 --test-ratio .25 --flow f.csv -o s.csv t.csv
    [ "$(sed 1,4d f.csv | cut -d, -f1,2 | tr '\n' ' ')" = "part,fold 0 part,fold 1 part,fold 2 part,test " ]
    # with a look at the films
    xr-synth -q -n 12 --size 64 -s 5 -o set
    cd set
    cp "$(sed -n 2p dataset.csv | cut -d, -f2)" same.jpg
    (cat dataset.csv && sed -n '2s|^[^,]*,[^,]*,|same.jpg,same.jpg,|p; 3s|^[^,]*,[^,]*,|gone.jpg,gone.jpg,|p' dataset.csv) >u.csv
    xr-split -q --near-duplicates --duplicates drop --skip-bad --flow f.csv -o s.csv u.csv
    [ "$(sed -n 2,7p f.csv)" = "read,,14
left out,unlabelled,0
left out,unreadable,1
left out,conflicting,0
left out,duplicate,1
kept,,12" ]
}

@test "--demographics: what awk makes of the split" {
    table
    xr-split -q --drop-unlabelled --demographics d.csv -o s.csv t.csv
    [ "$(head -1 d.csv)" = "column,level,statistic,all,train,val,test,difference train,difference val,difference test" ]
    [ "$(sed 1d d.csv | cut -d, -f1 | uniq | tr '\n' ' ')" = "label age sex note score " ]
    for part in train val test all; do
        # key,path,label,class,group,split,age,sex,note,score
        read -r n mean sd missing f rows < <(awk -F, -v p=$part 'NR > 1 && (p == "all" || $6 == p) {
            rows++; f += $8 == "F"
            if ($7 == "") { m++; next }
            n++; s += $7; q += $7 * $7 }
            END { printf "%d %.9g %.9g %d %d %d\n", n, s / n, sqrt((q - s * s / n) / (n - 1)), m, f, rows }' s.csv)
        near "$(cell age '' n $part)" "$n"
        near "$(cell age '' missing $part)" "$missing"
        awk -v a="$(cell age '' mean $part)" -v b="$mean" -v c="$(cell age '' sd $part)" -v d="$sd" \
            'BEGIN { exit !((a - b) ^ 2 < 1e-6 && (c - d) ^ 2 < 1e-6) }'
        near "$(cell sex F n $part)" "$f"
        near "$(cell sex F share $part)" "$(awk -v a="$f" -v b="$rows" 'BEGIN { printf "%.6g", a / b }')"
        # a quarter is below the first quartile, a half below the median
        awk -F, -v p=$part -v q="$(cell age '' q1 $part)" -v m="$(cell age '' median $part)" '
            NR > 1 && $7 != "" && (p == "all" || $6 == p) { n++; a += $7 < q; b += $7 < m }
            END { exit !(a / n > .22 && a / n <= .26 && b / n > .47 && b / n <= .51) }' s.csv
    done
    # standardised differences of the part from the other rows
    want=$(awk -F, 'NR > 1 { t = $6 == "test"; n[t]++; f[t] += $8 == "F" }
        END { a = f[1] / n[1]; b = f[0] / n[0]; printf "%.6g", (a - b) / sqrt((a * (1 - a) + b * (1 - b)) / 2) }' s.csv)
    near "$(cell sex F share 'difference test')" "$want"
    want=$(awk -F, 'NR > 1 && $7 != "" { t = $6 == "val"; n[t]++; s[t] += $7; q[t] += $7 * $7 }
        END { for (t = 0; t < 2; t++) { m[t] = s[t] / n[t]; v[t] = (q[t] - s[t] * m[t]) / (n[t] - 1) }
            printf "%.6g", (m[1] - m[0]) / sqrt((v[0] + v[1]) / 2) }' s.csv)
    near "$(cell age '' mean 'difference val')" "$want"
    [ "$(cell note '' values all)" = 399 ] # too many to list
    [ "$(awk -F, '$1 == "score"' d.csv | wc -l)" = 8 ] # four numbers are categories
}

@test "a file beside the split that cannot be written is an error" {
    table
    for option in flow demographics pairs; do
        run -1 --separate-stderr xr-split -q --drop-unlabelled --$option no/where.csv -o s.csv t.csv
        [[ $stderr == "xr-split: no/where.csv: "* ]]
    done
}
