//! libFuzzer's side of `vm_fuzz::witness_decoder`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vm_fuzz::witness_decoder(data));
