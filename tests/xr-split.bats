#!/usr/bin/env bats
# xr-split: exact shares, whole groups, seeds, refusals, proofs.
load helpers

# table ROWS [SEED]: a made table, groups of 1 to 4 rows, three classes, some groups of two.
table() {
    awk -v n="$1" -v seed="${2:-1}" 'BEGIN {
        srand(seed)
        print "image_id,label,patient,age"
        for (i = 1; i <= n; i++) {
            if (i == 1 || rand() < .5) {
                g++
                class = rand() < .5 ? "normal" : rand() < .8 ? "benign" : "malignant"
            }
            c = rand() < .05 ? "benign" : class
            printf "IMG%05d.jpeg,%s,P%04d,%d\n", i, c, g, i % 80
        }
    }'
}

# worst FILE COLUMN: the largest deviation of a class count from its share; leaks. Needs label in 3.
worst() {
    awk -F, -v col="$2" -v shares="$3" '
        NR == 1 {
            for (i = 1; i <= NF; i++) at[$i] = i
            next
        }
        {
            p = $at[col]; n[p, $at["label"]]++; c[$at["label"]]++; size[p]++; rows++
            if ("group" in at) {
                g = $at["group"]
                if (g in part && part[g] != p) leaks++
                part[g] = p
            }
        }
        END {
            k = split(shares, s, " ")
            for (i = 1; i <= k; i += 2) {
                for (l in c) {
                    d = n[s[i], l] - c[l] * s[i + 1]; d = d < 0 ? -d : d
                    if (d > most) most = d
                }
                d = size[s[i]] - rows * s[i + 1]; d = d < 0 ? -d : d
                if (d > off) off = d
                sum += size[s[i]]
            }
            printf "%.2f %.4f %d %d\n", most, off / rows, leaks, sum == rows
        }' "$1"
}
RATIO="train .7 val .15 test .15"
FOLDS="0 .2 1 .2 2 .2 3 .2 4 .2"

@test "help, version and wrong options" {
    help_and_version xr-split
    printf 'key,label\na,x\n' >t.csv
    wrong_usage xr-split --ratio 70/15 t.csv
    wrong_usage xr-split --ratio 70/15/10 t.csv
    wrong_usage xr-split --ratio 70/15/x t.csv
    wrong_usage xr-split --ratio 70/15/15/0 t.csv
    wrong_usage xr-split --ratio -- -70/85/85 t.csv
    wrong_usage xr-split -k 1 t.csv
    wrong_usage xr-split -k x t.csv
    wrong_usage xr-split -k 5 --ratio 70/15/15 t.csv
    wrong_usage xr-split --test-ratio .2 t.csv
    wrong_usage xr-split --label a --one-hot b t.csv
    wrong_usage xr-split --rest a t.csv
    wrong_usage xr-split --one-hot a,,b t.csv
    wrong_usage xr-split --one-hot a,a t.csv
    wrong_usage xr-split --one-hot label --rest label t.csv
    wrong_usage xr-split --group label --no-group t.csv
    wrong_usage xr-split --check -k 5 t.csv
    wrong_usage xr-split --key-replace x t.csv
    wrong_usage xr-split --path 'a{key' t.csv
    wrong_usage xr-split --path '' t.csv
    wrong_usage xr-split --mask-labels x t.csv
    wrong_usage xr-split t.csv t.csv
}

@test "without groups every class count and part size is exact to a row" {
    table 997 >t.csv
    for seed in 1 2 3; do
        xr-split --key image_id --no-group -s $seed t.csv >r.csv
        read -r dev off leaks all < <(worst r.csv split "$RATIO")
        awk -v d="$dev" 'BEGIN { exit !(d < 1) }'
        [ "$all" = 1 ]
        xr-split --key image_id --no-group -k 5 -s $seed t.csv >k.csv
        read -r dev off leaks all < <(worst k.csv fold "$FOLDS")
        awk -v d="$dev" -v o="$off" 'BEGIN { exit !(d <= .8 && o <= .8 / 997) }'
        [ "$all" = 1 ]
    done
}

@test "with groups no group is in two parts and the shares hold" {
    table 997 >t.csv
    for seed in 1 2 3; do
        xr-split --key image_id -g patient -s $seed t.csv >r.csv
        read -r dev off leaks all < <(worst r.csv split "$RATIO")
        [ "$leaks $all" = "0 1" ]
        awk -v d="$dev" -v o="$off" 'BEGIN { exit !(d < 1.5 && o <= .01) }'
        xr-split --key image_id -g patient -k 5 -s $seed t.csv >k.csv
        read -r dev off leaks all < <(worst k.csv fold "$FOLDS")
        [ "$leaks $all" = "0 1" ]
        awk -v d="$dev" 'BEGIN { exit !(d <= .81) }'
        xr-split --check k.csv >/dev/null
    done
}

@test "the reference table: quality of StratifiedGroupKFold, exact shares" {
    need_shared
    how="--key image_id --one-hot benign,malignant --rest normal"
    for seed in 1 2; do
        xr-split $how --no-group -s $seed "$SHARED/golden/split/table.csv" >r.csv
        read -r dev off leaks all < <(worst r.csv split "$RATIO")
        awk -v d="$dev" 'BEGIN { exit !(d <= 1) }'
        xr-split $how -g patient_id -k 5 -s $seed "$SHARED/golden/split/table.csv" >k.csv
        read -r dev off leaks all < <(worst k.csv fold "$FOLDS")
        [ "$leaks $all" = "0 1" ]
        awk -v d="$dev" 'BEGIN { exit !(d <= .801) }'
        xr-split $how -g patient_id -s $seed "$SHARED/golden/split/table.csv" >g.csv
        read -r dev off leaks all < <(worst g.csv split "$RATIO")
        [ "$leaks $all" = "0 1" ]
        awk -v d="$dev" -v o="$off" 'BEGIN { exit !(d < 1.5 && o <= .01) }'
    done
    [ "$(sed 1d k.csv | cut -d, -f3,4 | sort -u | tr '\n' ' ')" = "benign,1 malignant,2 normal,0 " ]
}

@test "real tables split and pass the proof" {
    need_shared
    xr-split --key image_id --path 'images/{image_id}' --mask 'masks/{key}.png' \
        --mask-labels benign,malignant --group group "$SHARED/data/btxrd256/labels.csv" >b.csv
    xr-split --check b.csv >b.check
    [ "$(grep -c '' b.csv)" = 2607 ]
    [[ $(sed -n 2p b.csv) == "IMG000001,images/IMG000001.jpeg,masks/IMG000001.png,malignant,1,g000001,"* ]]
    [ "$(grep ',normal,2,' b.csv | cut -d, -f3 | sort -u)" = "" ]
    xr-split -q --key image_id --one-hot benign,malignant --rest normal \
        "$SHARED/data/btxrd256/dataset_excerpt.csv" >e.csv
    xr-split -q --check e.csv
    xr-split --key filename --label finding --group patientid -k 5 \
        "$SHARED/data/cxr-pneumonia/labels.csv" >c.csv
    xr-split --check c.csv
    xr-split --check "$SHARED/data/btxrd256/split.csv"
}

@test "the same seed gives the same bytes, another seed another split" {
    table 300 >t.csv
    xr-split --key image_id -g patient -s 7 t.csv >a.csv
    xr-split --key image_id -g patient -s 7 t.csv >b.csv
    xr-split --key image_id -g patient -s 8 t.csv >c.csv
    cmp a.csv b.csv
    run -1 cmp -s a.csv c.csv
    xr-split --key image_id --no-group -s 7 t.csv >d.csv
    xr-split --key image_id --no-group -s 8 t.csv >e.csv
    run -1 cmp -s d.csv e.csv
}

@test "the order of rows does not change who goes where" {
    table 300 >t.csv
    (head -1 t.csv && sed 1d t.csv | sort -t, -k4n -k1r) >u.csv
    for how in "-g patient" "-g patient -k 5" --no-group "--no-group -k 5"; do
        xr-split --key image_id $how t.csv | sort >a.csv
        xr-split --key image_id $how u.csv | sort >b.csv
        cmp a.csv b.csv
    done
}

@test "a hold-out beside folds" {
    table 500 >t.csv
    xr-split --key image_id -g patient -k 4 --test-ratio .2 t.csv >a.csv
    [[ $(head -1 a.csv) == "key,path,label,class,group,split,fold,image_id,patient,age" ]]
    xr-split --check a.csv >sum.csv
    [ "$(cut -d, -f1 sum.csv | tr '\n' ' ')" = "part 0 1 2 3 test all " ]
    n=$(grep -c ',test,,' a.csv)
    [ "$n" -ge 98 ] && [ "$n" -le 102 ]
}

@test "columns: order, pass through, none doubled, quoting only where needed" {
    printf '\xef\xbb\xbfa note,path,split,label,fold,"x,y",mask\r\n"say ""no""",i/a.png,old,p,9,"1\n2",m\r\n plain ,i/b.PNG,old,q,9,,' >t.csv
    run -0 --separate-stderr xr-split --no-group t.csv
    [ "${lines[0]}" = 'key,path,mask,label,class,split,a note,"x,y"' ]
    [[ ${lines[1]} =~ ^a,i/a.png,m,p,0,(train|val|test),'"say ""no""","1'$ ]]
    [[ ${lines[3]} =~ ^b,i/b.PNG,,q,1,(train|val|test),' plain ,'$ ]]
}

@test "the awkward table keeps its values" {
    need_shared
    xr-split -q -o a.csv "$SHARED/golden/split/awkward.csv"
    sed -E 's/,(train|val|test),/,PART,/' a.csv >b.csv
    printf 'key,path,label,class,split,note\n"a,1","a,1.png",normal,2,PART,"says ""no lesion"""\nb 2,b 2.png,benign,0,PART,"two\r\nlines"\nc3,c3.png,malignant,1,PART,\n\xc3\xa94,\xc3\xa94.png,normal,2,PART,  spaces kept  \n' | diff - b.csv
    run -1 --separate-stderr xr-split "$SHARED/data/mixed/metadata_original_latin1.csv"
    [[ $stderr == *"metadata_original_latin1.csv:9: not UTF-8"* ]]
}

@test "classes: sorted, given, one-hot" {
    printf 'key,label,b,m\na,z,0,0\nb,y,1,0\nc,x,0,1\n' >t.csv
    [ "$(xr-split --no-group t.csv | sed 1d | cut -d, -f3,4 | tr '\n' ' ')" = "z,2 y,1 x,0 " ]
    [ "$(xr-split --no-group --classes z,x,y t.csv | sed 1d | cut -d, -f3,4 | tr '\n' ' ')" = "z,0 y,2 x,1 " ]
    [ "$(xr-split --no-group --one-hot b,m --rest n t.csv | sed 1d | cut -d, -f3,4 | tr '\n' ' ')" = "n,0 b,1 m,2 " ]
    [ "$(xr-split --no-group --one-hot m,b --rest n --classes m,n,b t.csv | sed 1d | cut -d, -f3,4 | tr '\n' ' ')" = "n,1 b,2 m,0 " ]
    wrong_usage xr-split --one-hot m,b --rest n --classes m,n t.csv
    wrong_usage xr-split --one-hot m,b --rest n --classes m,n,c t.csv
}

# refused TEXT MESSAGE ARG...: exit 1, nothing on stdout, the message behind the file's name
refused() {
    printf '%b' "$1" >t.csv
    run -1 --separate-stderr xr-split "${@:3}" t.csv
    [ -z "$output" ]
    [[ $stderr == "xr-split: t.csv:$2"* ]] || {
        echo "got: $stderr" >&2
        return 1
    }
}

@test "refusals name file and line" {
    refused '' ' empty input: did the previous command fail?'
    refused 'key,label\n' ' a header without rows'
    refused 'key,label\na,x\n\nb,y\n' '3: an empty line'
    refused 'key,label\na,x\nb\n' '3: 1 field where the header has 2'
    refused 'key,key\na,x\n' "1: two columns named 'key'"
    refused ',key\na,x\n' '1: column 1 has no name'
    refused 'key,label\na,"x\n' '2: a quoted field is still open'
    refused 'key,label\na,x"y\n' '2: a quote inside a field'
    refused 'key,label\na,"x"y\n' '2: text behind a closing quote'
    refused 'key,label\na,x\0\n' '2: a NUL byte'
    refused 'key,label\na,\xe9\n' '2: not UTF-8'
    refused 'id,label\na,x\n' "1: no column 'key' or 'path'"
    refused 'id,label\na,x\n' "1: no column 'foo'" --key foo
    refused 'key,finding\na,x\n' "1: no column 'label': name the column"
    refused 'key,label\na,x\nb,\n' "3: no label in column 'label'"
    refused 'key,label\na,x\nb,x \n' "3: class 'x ' begins or ends with a blank"
    refused 'key,label\na,x\nb,z\n' "3: unknown class 'z'" --classes x,y
    refused 'key,label\na.jpg,x\nb,x\na.png,y\n' "4: key 'a' is also that of line 2"
    refused 'key,label\na.b,x\n' "2: the key 'a.b' has a dot"
    refused 'key,label,path\na,x,p\nb,x,p\n' "3: path 'p' is also that of line 2"
    refused 'key,label,g\na,x,1\nb,x,\n' "3: no group in column 'g'" -g g
    refused 'key,p,q\na,1,1\n' "2: two classes: both 'p' and 'q' are 1" --one-hot p,q
    refused 'key,p,q\na,0,0\n' '2: no class: none of the one-hot columns is 1' --one-hot p,q
    refused 'key,p,q\na,0,yes\n' "2: 'yes' in column 'q' is neither 0 nor 1" --one-hot p,q --rest r
    refused 'key,label\na,x\nb,y\n' ' 2 rows cannot fill 3 parts' --no-group -k 3
    refused 'key,label,group\na,x,1\nb,y,1\nc,x,2\n' ' 2 groups cannot fill 3 parts' -k 3
    run -1 --separate-stderr xr-split missing.csv
    [[ $stderr == "xr-split: missing.csv: cannot open: No such file"* ]]
}

@test "dots in keys are replaced on request" {
    printf 'key,label\n1.2.840.dcm,x\n1.2.841.dcm,y\n' >t.csv
    [ "$(xr-split --no-group --key-replace .=_ t.csv | sed 1d | cut -d, -f1 | tr '\n' ' ')" = "1_2_840 1_2_841 " ]
}

@test "rows without a label are left out on request, and counted" {
    printf 'key,label\na,x\nb,\nc,y\n' >t.csv
    run -0 --separate-stderr xr-split --no-group --drop-unlabelled t.csv
    [ "${#lines[@]}" = 3 ]
    [[ $stderr == *"1 rows without a label are left out"* ]]
}

@test "no groups: a warning, unless told; a column 'group' is used" {
    printf 'key,label,group\na,x,1\nb,y,2\nc,x,1\n' >t.csv
    run -0 --separate-stderr xr-split t.csv
    [[ ${lines[0]} == "key,path,label,class,group,split" ]]
    [[ $stderr != *"--group"* ]]
    run -0 --separate-stderr xr-split -q --no-group t.csv
    [ -z "$stderr" ]
    sed 's/group/patient/' t.csv >u.csv
    run -0 --separate-stderr xr-split u.csv
    [[ $stderr == *"warning: u.csv: no --group: films of one patient"* ]]
}

@test "groups of several columns, and groups too large for the shares" {
    printf 'key,label,center,age\na,x,1,30\nb,y,1,30\nc,x,1,31\nd,y,2,30\n' >t.csv
    xr-split -q -g center,age t.csv | sed 1d | cut -d, -f5 | tr '\n' ' ' >g
    [ "$(cat g)" = "1:30 1:30 1:31 2:30 " ]
    (echo key,label,group && for i in $(seq 90); do echo "k$i,x,big"; done && for i in $(seq 10); do echo "s$i,x,g$i"; done) >t.csv
    run -0 --separate-stderr xr-split -k 5 t.csv
    [[ $stderr == *"the groups are too large"* ]]
}

# violates TEXT MESSAGE ARG...
violates() {
    printf '%b' "$1" >s.csv
    run -1 --separate-stderr xr-split --check "${@:3}" s.csv
    [ -z "$output" ]
    [ "$stderr" = "xr-split: s.csv:$2" ] || {
        echo "got: $stderr" >&2
        return 1
    }
}

@test "--check names the first violation" {
    h='key,path,label,class,group,split\n'
    violates "${h}a,a,x,0,1,train\nb,b,y,1,2,val\nc,c,x,0,1,test\n" "4: group '1' is in test, and in train in line 2"
    violates "${h}a,a,x,0,1,train\nb,b,y,1,2,val\na,c,x,0,1,test\n" "4: key 'a' is also that of line 2"
    violates "${h}a,p,x,0,1,train\nb,./p,y,1,2,val\n" "3: path 'p' is in val, and in train in line 2"
    violates "${h}a,a,x,0,1,train\nb,b,x,1,2,val\n" "3: label 'x' has class 1, but 0 in line 2"
    violates "${h}a,a,x,0,1,train\nb,b,y,0,2,val\n" "3: class 0 is 'y', but 'x' in line 2"
    violates "${h}a,a,x,zero,1,train\n" "2: class 'zero' is not a number from 0 to 4095"
    violates "${h}a,a,,0,1,train\n" '2: class 0 without a label'
    violates "${h}a,a,x,0,1,Train\n" "2: split 'Train' is not train, val or test"
    violates "${h}a,a,x,0,1,\n" '2: no split'
    violates "${h}a,a,x,0,,train\n" '2: no group'
    violates 'key,fold\na,0\nb,2\n' ' no row is in fold 1, though there is a fold 2'
    violates 'key,fold\na,0\nb,\n' '3: no fold'
    violates 'key,fold\na,0\nb,-1\n' "3: fold '-1' is not a number from 0 to 999"
    violates 'key,fold\na,0\nb,0\n' ' fewer than two folds'
    violates 'key,split,fold,group\na,test,,1\nb,,0,1\nc,,1,2\n' "3: group '1' is in fold 0, and in test in line 2"
    violates 'key,patient,split\na,1,train\nb,1,test\n' "3: group '1' is in test, and in train in line 2" -g patient
    violates 'key,label\na,x\n' "1: no column 'split' or 'fold'"
    violates 'path,split\na,train\n' "1: no column 'key'"
    violates 'key,split\n' ' a header without rows'
}

@test "--check prints classes by part" {
    printf 'key,label,class,group,split\na,x,1,1,train\nb,y,0,2,test\nc,x,1,1,train\n' >s.csv
    run -0 --separate-stderr xr-split --check s.csv
    [ "$output" = "part,rows,groups,n_y,n_x
train,2,1,0,2
val,0,0,0,0
test,1,1,1,0
all,3,2,1,2" ]
    [ -z "$stderr" ]
    run -0 --separate-stderr xr-split --check <s.csv
    [ "${#lines[@]}" = 5 ]
    cut -d, -f1-3,5 s.csv >t.csv
    run -0 --separate-stderr xr-split --check t.csv
    [[ $stderr == "xr-split: warning: t.csv: no column 'group'"* ]]
}

@test "standard input, -o, full disk, early reader, settings file" {
    table 2000 >t.csv
    xr-split --key image_id -g patient <t.csv >a.csv
    xr-split --key image_id -g patient -o b.csv - <t.csv
    cmp a.csv b.csv
    run -1 --separate-stderr bash -c 'xr-split --key image_id -g patient t.csv >/dev/full'
    [[ $stderr == "xr-split: standard output: cannot write: No space left"* ]]
    run -1 xr-split --key nothing -o b.csv t.csv
    cmp a.csv b.csv
    table 60000 >big.csv
    run -141 --separate-stderr bash -o pipefail -c 'xr-split --key image_id -g patient big.csv | head -1'
    [ "$output" = "key,path,label,class,group,split,image_id,patient,age" ]
    [ -z "$stderr" ]
    printf 'split:\n  key: image_id\n  group: patient\n  seed: 3\n' >c.yaml
    xr-split --config c.yaml t.csv >a.csv
    xr-split --key image_id -g patient -s 3 t.csv >b.csv
    cmp a.csv b.csv
    xr-split --config c.yaml --print-config >d.yaml
    xr-split --config d.yaml t.csv | cmp - a.csv
    printf 'split:\n  keys: image_id\n' >c.yaml
    wrong_usage xr-split --config c.yaml t.csv
}
