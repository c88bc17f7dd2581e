# Every reader against damaged files for a minute, under sanitizers: no crash, hang, leak or
# allocation above the cap.
load ../helpers
XR_TOP=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)

fuzz() {
    FUZZ_ONLY=$1 FUZZ_SECONDS=60 run -0 make -s -C "$XR_TOP" SAN=1 run-fuzz
    [[ $output == *"$1"$'\t'*" mutations"* ]]
}

@test "csv" { fuzz csv; }
@test "config" { fuzz config; }
@test "npy" { fuzz npy; }
@test "safetensors" { fuzz safetensors; }
@test "stream" { fuzz stream; }
@test "boxes" { fuzz boxes; }
@test "chain: texts of transforms, applied and replayed" { fuzz chain; }
@test "replay: JSON lines of what was applied" { fuzz replay; }
@test "image: JPEG, PNG and whatever damage makes of them" { fuzz image; }
@test "pnm" { fuzz pnm; }
@test "tiff" { fuzz tiff; }
@test "dicom" { fuzz dicom; }
@test "nifti" { fuzz nifti; }
