#!/usr/bin/env bats
# xr-synth: exact counts, whole sets or none, the same bytes every time, masks where they belong.
load helpers

# small DIR OPTION...: a set that takes a blink.
small() {
    local dir=$1
    shift
    xr-synth -o "$dir" -n 12 --size 48 --ratio 1:1:1 "$@"
}

# column NAME: of dataset.csv on standard input (no field of it is quoted).
column() {
    awk -F, -v name="$1" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) at = i; next } { print $at }'
}

# A digest of everything in a folder, names included.
digest() {
    (cd "$1" && find . -type f | sort | xargs sha256sum | sha256sum)
}

@test "help, version and wrong usage" {
    help_and_version xr-synth
    wrong_usage xr-synth
    wrong_usage xr-synth -o d operand
    wrong_usage xr-synth -o d -n 0
    wrong_usage xr-synth -o d -n 1000000
    wrong_usage xr-synth -o d -n 5x
    wrong_usage xr-synth -o d --size 31
    wrong_usage xr-synth -o d --ratio 1:2
    wrong_usage xr-synth -o d --ratio 1:2:x
    wrong_usage xr-synth -o d --ratio 1:2:3:4
    wrong_usage xr-synth -o d --ratio 0:0:0
    wrong_usage xr-synth -o d --ratio -- -1:2:3
    wrong_usage xr-synth -o d --per-patient 3:2
    wrong_usage xr-synth -o d --per-patient 0:2
    wrong_usage xr-synth -o d --per-patient 1.5:2
    wrong_usage xr-synth -o d --per-patient 1:9
    wrong_usage xr-synth -o d --difficulty 1.1
    wrong_usage xr-synth -o d --format gif
    [ ! -e d ]
}

@test "the table: header, exact counts, one-hot columns, files that are there" {
    xr-synth -o d -n 47 --size 40 --format png
    [ "$(head -1 d/dataset.csv)" = image_id,path,patient_id,center,age,gender,anatomy,view,label,tumor,benign,malignant,mask,boxes,width,height ]
    [ "$(column label <d/dataset.csv | sort | uniq -c | xargs)" = "19 benign 4 malignant 24 normal" ]
    awk -F, 'NR > 1 && !($9 == "normal" && $10 $11 $12 == "000" && $13 $14 == "" ||
                         $9 == "benign" && $10 $11 $12 == "110" && $13 != "" && $14 != "" ||
                         $9 == "malignant" && $10 $11 $12 == "101" && $13 != "" && $14 != "") { bad = 1; print }
             END { exit bad }' d/dataset.csv
    [ "$(column path <d/dataset.csv | sort)" = "$(cd d && ls images/*)" ]
    [ "$(column mask <d/dataset.csv | sed /^$/d | sort)" = "$(cd d && ls masks/*)" ]
    [ "$(column image_id <d/dataset.csv | sort -u | wc -l)" = 47 ]
    # sizes in the table are those in the files
    while IFS=, read -r path w h; do
        [ "$(od -An -tu4 --endian=big -j16 -N8 "d/$path" | xargs)" = "$w $h" ]
    done < <(awk -F, 'NR > 1 { print $2 "," $15 "," $16 }' d/dataset.csv)
}

@test "a patient is one class, one anatomy, one to so many images" {
    xr-synth -o d -n 60 --size 32 --per-patient 2:3
    awk -F, 'NR > 1 {
        n[$3]++
        for (i = 4; i <= 12; i++) {
            if (i == 8) continue
            if ($3 SUBSEP i in was && was[$3, i] != $i) bad = 1
            was[$3, i] = $i
        }
    }
    END {
        for (p in n) { c[n[p]]++ }
        exit bad || c[1] > 3 || c[2] < 1 || c[3] < 1 || c[1] + c[2] + c[3] != length(n)
    }' d/dataset.csv
}

@test "boxes.csv says what the column says, within the image" {
    small d --square
    awk -F, 'FNR == 1 { next }
        FILENAME ~ /boxes/ { b[$1] = b[$1] (b[$1] == "" ? "" : ";") $3 " " $4 " " $5 " " $6
                             if ($3 >= $5 || $4 >= $6 || $5 > 48 || $6 > 48 || $7 > ($5 - $3) * ($6 - $4)) exit 1
                             next }
        $14 != b[$1] { exit 1 }' d/boxes.csv d/dataset.csv
    [ "$(column width <d/dataset.csv | sort -u)" = 48 ]
    [ "$(column height <d/dataset.csv | sort -u)" = 48 ]
}

@test "the same bytes for the same seed and any -j, others for another seed" {
    small a
    small b -j 2
    small c -j 5 --seed 0
    small e --seed 1
    [ "$(digest a)" = "$(digest b)" ]
    [ "$(digest a)" = "$(digest c)" ]
    [ "$(digest a)" != "$(digest e)" ]
}

@test "size, format and difficulty leave the patients as they are" {
    small a
    small b --format png --difficulty 0.9
    cut -d, -f3-12 a/dataset.csv >a.txt
    cut -d, -f3-12 b/dataset.csv | cmp - a.txt
}

@test "a folder that is not empty is refused, --force replaces the set alone" {
    small d
    before=$(digest d)
    run -1 --separate-stderr small d
    [ -z "$output" ]
    [[ $stderr == "xr-synth: d: the folder is not empty"* ]]
    [ "$(digest d)" = "$before" ]
    touch d/images/keep.txt
    xr-synth -o d -n 3 --size 32 --ratio 1:0:0 --force
    [ "$(ls d/images | xargs)" = "IMG000001.jpg IMG000002.jpg IMG000003.jpg keep.txt" ]
    [ -z "$(ls d/masks)" ]
    mkdir empty
    small empty
}

@test "an interrupted run leaves no table, and says where to go on" {
    xr-synth -o d -n 20000 --size 256 &
    pid=$!
    for _ in $(seq 200); do
        [ -e d/images/IMG000003.jpg ] && break
        sleep .05
    done
    kill -TERM $pid
    wait $pid && false
    [ $? != 0 ]
    [ ! -e d/dataset.csv ]
    run -1 small d
    small d --force
    small e
    [ "$(digest d)" = "$(digest e)" ]
}

@test "a folder that cannot be written is exit 1 with one line" {
    : >file
    run -1 --separate-stderr small file
    [[ $stderr == "xr-synth: file: "* ]]
    run -1 --separate-stderr small no/such/dir
    [[ $stderr == "xr-synth: no/such/dir: "* ]]
    mkdir d
    ln -s /dev/full d/x
    run -1 small d
    # a full disk stands for itself: one block of room
    if [ "$(id -u)" = 0 ] && mkdir full && mount -t tmpfs -o size=64k tmpfs full 2>/dev/null; then
        run -1 --separate-stderr xr-synth -o full/d -n 200 --size 256
        umount full
        [[ $stderr == "xr-synth: full/d/"*"No space left on device" ]]
    fi
}

@test "a config file gives the options, the command line wins" {
    printf 'synth:\n  images: 5\n  size: 32\n  ratio: "1:1:1"\n  square: true\n' >c.yaml
    xr-synth --config c.yaml -o a
    [ "$(wc -l <a/dataset.csv)" = 6 ]
    xr-synth --config c.yaml -n 7 -o b
    [ "$(wc -l <b/dataset.csv)" = 8 ]
    [ "$(column width <b/dataset.csv | sort -u)" = 32 ]
    printf 'synth:\n  imagez: 5\n' >bad.yaml
    wrong_usage xr-synth --config bad.yaml -o c
}

@test "one class, one image, odd sizes" {
    xr-synth -o a -n 1 --ratio 0:0:1 --size 33
    [ "$(column label <a/dataset.csv)" = malignant ]
    xr-synth -o b -n 2 --ratio 0:1:0 --size 1500 --square --format png
    [ "$(column width <b/dataset.csv | sort -u)" = 1500 ]
}
