load helpers

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return 1
    export OMP_WAIT_POLICY=passive
    tiny-stream 16 size=32 epochs=2 >train.tar
    tiny-stream 6 size=32 split=test masks=1 >test.tar
    xr-train -m tf_efficientnet_lite0 -b 8 -j 1 -o m.safetensors train.tar >/dev/null
}

inputs() {
    ln -s "$BATS_FILE_TMPDIR"/{m.safetensors,test.tar} .
}

cam() {
    xr-cam -j 1 -w m.safetensors "$@"
}

@test "help, version, configuration" {
    help_and_version xr-cam
}

@test "each misuse exits 2 with nothing on standard output" {
    inputs
    wrong_usage xr-cam test.tar
    wrong_usage xr-cam -w m.safetensors -m nocam test.tar
    wrong_usage xr-cam -w m.safetensors -t osteoma test.tar
    wrong_usage xr-cam -w m.safetensors --film-weight 2 test.tar
    wrong_usage xr-cam -w m.safetensors --colormap grey test.tar
}

@test "maps, overlays and scores of every record" {
    inputs
    cam --scores s.csv -o cam.tar test.tar
    xr-cat --check cam.tar | grep -q '6 records'
    [ "$(xr-cat -t cam.tar | cut -f4 | tr ',' '\n' | grep -c -e '^cam.npy$' -e '^png$')" -eq 12 ]
    xr-cat -n 1 -x png cam.tar >o.png
    [ "$(head -c 4 o.png | tail -c 3)" = PNG ]
    [ "$(head -n 1 s.csv)" = key,label,target,method,layer,pointing,energy_in_mask,raw_max ]
    [ "$(wc -l <s.csv)" -eq 7 ]
    awk -F, 'NR > 1 && $6 != "" && ($6 != 0 && $6 != 1 || $7 < 0 || $7 > 1) { exit 1 }' s.csv
    awk -F, 'NR > 1 && $6 != ""' s.csv | grep -q .
}

@test "targets: the label, a class by name" {
    inputs
    cam -t true --scores t.csv test.tar >/dev/null
    awk -F, 'NR > 1 && $2 != $3 { exit 1 }' t.csv
    cam -t tumor --scores n.csv test.tar >/dev/null
    [ "$(tail -n +2 n.csv | cut -d, -f3 | sort -u)" = tumor ]
    tiny-stream 2 size=32 labels=0 >new.tar
    run -1 --separate-stderr cam -t true -o x.tar new.tar
    [[ $stderr == *"has no label"* ]]
    [ ! -e x.tar ]
}

@test "methods and layers differ, a layer that is not there is named" {
    inputs
    cam -o a.tar test.tar
    cam -m gradcampp -o b.tar test.tar
    cam -l blocks.4 -o c.tar test.tar
    run -1 cmp -s a.tar b.tar
    run -1 cmp -s a.tar c.tar
    wrong_usage xr-cam -w m.safetensors -l layer9 -o d.tar test.tar
    [[ $stderr == *"layer9"* ]]
    [ ! -e d.tar ]
}

@test "the same films give the same bytes, from a pipe or a file" {
    inputs
    cam --scores a.csv -o a.tar test.tar
    cam --scores b.csv <test.tar >b.tar
    cmp a.csv b.csv
    cmp <(xr-cat -t a.tar) <(xr-cat -t b.tar)
}

@test "a stream cut at any of 50 offsets exits 1 and leaves no file" {
    inputs
    end=$(LC_ALL=C grep -abo '"digest"' test.tar | tail -n 1 | cut -d: -f1)
    for i in $(seq 0 49); do
        head -c $((end * i / 49)) test.tar >cut.tar
        run -1 --separate-stderr cam --scores cut.csv -o out.tar cut.tar
        [[ $stderr == "xr-cam: cut.tar: "* ]]
        [ ! -e out.tar ]
        [ ! -e cut.csv ]
    done
}

@test "a stream that does not fit is refused" {
    inputs
    tiny-stream 4 size=16 >other.tar
    run -1 --separate-stderr cam -o x.tar other.tar
    [[ $stderr == "xr-cam: other.tar: images of 16x16; the model takes 32x32"* ]]
    [ ! -e x.tar ]
}

@test "a full disk is exit 1, an early reader is silent" {
    inputs
    run -1 --separate-stderr bash -c 'xr-cam -j 1 -w m.safetensors test.tar >/dev/full'
    [[ $stderr == *"No space left on device" ]]
    tiny-stream 60 size=32 >many.tar
    run -141 --separate-stderr bash -o pipefail -c 'xr-cam -j 1 -w m.safetensors many.tar | head -c 1 >/dev/null'
    [ -z "$stderr" ]
}
