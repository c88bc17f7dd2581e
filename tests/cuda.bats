#!/usr/bin/env bats
# The GPU plugin without a GPU: what is loaded, what is refused and how; symbols; and every
# kernel, the device around them and the tools on top, emulated on the host.

load helpers

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return 1
    export OMP_WAIT_POLICY=passive
    tiny-stream 8 size=32 epochs=2 >train.tar
    tiny-stream 6 size=32 split=test prefix=TEST groups=3 >test.tar
    xr-train --device cpu -m mobilenetv3_small_100 -b 8 -j 1 -o m.safetensors train.tar >/dev/null
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    ln -s "$BATS_FILE_TMPDIR"/{m.safetensors,train.tar,test.tar} .
    plugin=$XR_BUILD/libexec/xr/xr-cuda.so
    emulated=$XR_BUILD/emulated/xr-cuda.so
}

# The tools beside a folder of plugins of their own.
with_plugin() { # FILE
    mkdir -p at/bin at/libexec/xr
    cp "$XR_BUILD/bin/xr-predict" at/bin
    if [ -n "$1" ]; then
        cp "$1" at/libexec/xr/xr-cuda.so
    fi
}

need_plugin() {
    [ -e "$plugin" ] && return 0
    # where both are, the build must have made it
    if command -v nvcc >/dev/null && [[ $XR_BUILD != */san ]] && [ -n "${CI:-}" ]; then
        return 1
    fi
    skip "built without nvcc and cuDNN"
}

need_emulated() {
    [ -e "$emulated" ] || skip "not emulated in this build"
}

no_driver() {
    if ldconfig -p | grep -q 'libcuda\.so\.1' || [ -e /dev/nvidiactl ]; then
        skip "a driver is there"
    fi
}

@test "no program links a library of CUDA" {
    for tool in "$XR_BUILD"/bin/xr-*; do
        run -0 readelf -d "$tool"
        [[ $output != *libcuda* && $output != *libcublas* && $output != *libcudnn* ]]
    done
}

@test "without the plugin cuda is refused in one line, auto is the CPU in silence" {
    with_plugin ""
    run -1 --separate-stderr at/bin/xr-predict --device cuda -w m.safetensors test.tar
    [ -z "$output" ]
    [[ $stderr == "xr-predict: device 'cuda': xr-tools was installed without it" ]]
    run -0 --separate-stderr at/bin/xr-predict -w m.safetensors test.tar
    [ -z "$stderr" ]
    run -0 at/bin/xr-predict --version
    [[ $output == *"cuda: not built in"* ]]
}

@test "a device that has no name is wrong usage" {
    for name in tpu cuda: cuda:x cuda:-1 cuda:1234567; do
        run -2 --separate-stderr xr-predict --device "$name" -w m.safetensors test.tar
        [ -z "$output" ]
        [[ $stderr == *"device '$name': not auto, cpu or cuda[:N]"* ]]
    done
}

@test "without a driver cuda is refused in one line; auto says why where it was asked for" {
    need_plugin
    no_driver
    run -1 --separate-stderr xr-predict --device cuda:0 -w m.safetensors test.tar
    [ -z "$output" ]
    [[ $stderr == "xr-predict: device 'cuda:0': no NVIDIA driver (libcuda.so.1 is not there)" ]]
    run -0 --separate-stderr xr-predict --device auto -w m.safetensors test.tar
    [[ $stderr == "xr-predict: warning: no NVIDIA driver"*": running on the CPU" ]]
    run -0 --separate-stderr xr-predict -w m.safetensors test.tar
    [ -z "$stderr" ]
    run -0 --separate-stderr env XR_DEVICE=auto xr-predict -w m.safetensors test.tar
    [[ $stderr == *": running on the CPU" ]]
    run -0 xr-predict --version
    [[ $output == *"cuda: not usable: no NVIDIA driver"* ]]
}

@test "a driver that does not start, and one without a GPU, are told apart" {
    need_plugin
    no_driver
    for code in 999 100; do
        printf 'int cuInit(unsigned f) { (void)f; return %d; }\nint cuDeviceGetCount(int *n) { *n = 0; return 0; }\nint cuDriverGetVersion(int *v) { *v = 13000; return 0; }\n' $code >d.c
        ${CC:-cc} -shared -fPIC -o libcuda.so.1 d.c
        run -1 --separate-stderr env LD_LIBRARY_PATH="$PWD" xr-predict --device cuda -w m.safetensors test.tar
        case $code in
        999) [[ $stderr == *"does not start (error 999 of cuInit)" ]] ;;
        100) [[ $stderr == *"the NVIDIA driver sees no GPU" ]] ;;
        esac
    done
}

@test "a file that is no plugin, and one of another build, are refused by name" {
    echo 'int nothing;' >p.c
    ${CC:-cc} -shared -fPIC -o p.so p.c
    run -1 --separate-stderr env XR_PLUGIN="$PWD/p.so" xr-predict --device cuda -w m.safetensors test.tar
    [[ $stderr == *"p.so: not a plugin of xr-tools" ]]
    echo 'unsigned xk_plugin[32] = {77};' >p.c
    ${CC:-cc} -shared -fPIC -o p.so p.c
    run -1 --separate-stderr env XR_PLUGIN="$PWD/p.so" xr-predict --device cuda -w m.safetensors test.tar
    [[ $stderr == *"p.so: built for another xr-tools (table 77, this is "*")" ]]
    echo text >p.so
    run -1 --separate-stderr env XR_PLUGIN="$PWD/p.so" xr-predict --device cuda -w m.safetensors test.tar
    [[ $stderr == *"p.so: cannot load: "* ]]
    run -1 --separate-stderr env XR_PLUGIN=/none xr-predict --device cuda -w m.safetensors test.tar
    [[ $stderr == *"/none is not there" ]]
}

@test "the plugin shows one symbol, has all its own, and code for each card" {
    need_plugin
    run -0 bash -c "nm -D --defined-only '$plugin' | awk '{ print \$3 }'"
    [ "$output" = xk_plugin ]
    run -0 readelf -d "$plugin"
    [[ $output == *"libcublasLt.so"* && $output == *"libcudnn.so.9"* && $output != *"libcuda.so"* ]]
    if command -v cuobjdump >/dev/null; then
        run -0 bash -c "cuobjdump --list-elf '$plugin'; cuobjdump --list-ptx '$plugin'"
        [[ $output == *sm_80* && $output == *sm_90* && $output == *ptx* ]]
    fi
}

@test "a bundle has all libraries but the C library's with it, and runs where it is unpacked" {
    need xz
    XR_BUNDLE_DIR=$PWD XR_BUNDLE_XZ=0 "$XR_TOP/tests/cuda/bundle" "$XR_BUILD" 0
    mkdir far
    tar -C far -xf xr-tools-0-*.tar.xz
    cd far/xr-tools-0-*
    # every library that a program needs, in turn too, lies in the bundle or is the C library's
    ldd bin/xr-train bin/xr-augment | awk -v at="$PWD/" '$2 == "=>" && index($3, at "bin/../lib/") != 1 &&
        $1 !~ /^(libc|libm|libdl|librt|libpthread|libresolv)\.so/ { print; bad = 1 } END { exit bad }'
    run -0 env -i PATH=/usr/bin:/bin bin/xr-train --version
    [[ ${lines[0]} == "xr-train (xr-tools) "* ]]
    env -i PATH=/usr/bin:/bin bin/xr-predict --device cpu -w "$BATS_FILE_TMPDIR/m.safetensors" "$BATS_FILE_TMPDIR/test.tar" >p.csv
    [ "$(wc -l <p.csv)" -eq 7 ]
}

@test "emulated: the gradients of every operation are those of finite differences" {
    need_emulated
    run -0 env XR_PLUGIN="$emulated" "$XR_BUILD/unit/k-grads"
    [[ $output != *"not ok"* ]]
}

# same_figures A B LIMIT: the numbers of two tables differ by no more than this.
same_figures() {
    paste -d'|' "$1" "$2" | awk -F'|' -v limit="$3" '{
        n = split($1, a, ","); split($2, b, ",")
        for (i = 1; i <= n; i++) {
            if (a[i] == b[i]) continue
            d = a[i] - b[i]
            if (a[i] + 0 != a[i] || d > limit || d < -limit) { print; bad = 1 }
        } } END { exit bad || NR < 2 }'
}

@test "emulated: predictions are the CPU's" {
    need_emulated
    run -0 env XR_PLUGIN="$emulated" xr-predict -v --device cuda -w m.safetensors test.tar
    [[ $output == *"device: an emulated GPU (cuda:0)"* && $output == *"GPU memory: "* ]]
    XR_PLUGIN=$emulated xr-predict --device cuda -w m.safetensors test.tar >gpu.csv
    xr-predict --device cpu -w m.safetensors test.tar >cpu.csv
    same_figures gpu.csv cpu.csv 1e-5
    # a recording that is refused at its end runs step by step after all
    XR_EMULATED_RECORD=1 XR_PLUGIN=$emulated xr-predict -b 2 --device cuda -w m.safetensors test.tar >again.csv
    same_figures again.csv cpu.csv 1e-5
}

@test "emulated: heat maps are the CPU's" {
    need_emulated
    XR_PLUGIN=$emulated xr-cam --device cuda -w m.safetensors --scores gpu.csv -o gpu.tar test.tar
    xr-cam --device cpu -w m.safetensors --scores cpu.csv -o cpu.tar test.tar
    same_figures gpu.csv cpu.csv 1e-3
}

@test "emulated: a training is the CPU's, with dropout, drop path, clipping and an average" {
    need_emulated
    for d in cpu cuda; do
        XR_PLUGIN=$emulated xr-train --device $d -m mobilenetv3_small_100 -b 4 -j 1 --drop 0.2 --drop-path 0.1 \
            --optimizer lamb --clip 1 --ema 0.9 -o $d.safetensors train.tar |
            cut -d, -f1-7 >$d.csv
    done
    same_figures cuda.csv cpu.csv 2e-3
}
