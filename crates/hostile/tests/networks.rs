//! ONNX files that claim more than any machine has: each is an error in words, and takes little memory.
#![cfg(feature = "onnx")]

use caption::data::encoder::{Card, Encoder};

/// Memory that a refusal may take.
const LITTLE: u64 = 16 << 20;

/// A terabyte of floats.
const MANY: u64 = 250_000_000_000;

/// A number as protocol buffers write it.
fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number > 127 {
        bytes.push(number as u8 | 128);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

/// A field of bytes, and one of a number (<https://protobuf.dev/programming-guides/encoding/>).
fn bytes(field: u64, content: impl AsRef<[u8]>) -> Vec<u8> {
    [varint(field << 3 | 2), varint(content.as_ref().len() as u64), content.as_ref().to_vec()].concat()
}

fn number(field: u64, number: u64) -> Vec<u8> {
    [varint(field << 3), varint(number)].concat()
}

/// A tensor of floats (1) or whole numbers (7) with these bytes in it (`TensorProto` in
/// <https://github.com/onnx/onnx/blob/main/onnx/onnx.proto>).
fn tensor(name: &str, kind: u64, dims: &[u64], raw: &[u8]) -> Vec<u8> {
    let dims: Vec<u8> = dims.iter().flat_map(|dim| number(1, *dim)).collect();
    [dims, number(2, kind), bytes(8, name), bytes(9, raw)].concat()
}

/// A value of floats of a shape.
fn value(name: &str, shape: &[u64]) -> Vec<u8> {
    let dims: Vec<u8> = shape.iter().flat_map(|dim| bytes(1, number(1, *dim))).collect();
    [bytes(1, name), bytes(2, bytes(1, [number(1, 1), bytes(2, dims)].concat()))].concat()
}

/// A network of one operation on `image` and `more`, which makes `features`.
fn network(operation: &str, input: &[u64], more: &[u8], inputs: &[&str]) -> Vec<u8> {
    let names: Vec<u8> = inputs.iter().flat_map(|name| bytes(1, name)).collect();
    let node = [names, bytes(2, "features"), bytes(4, operation)].concat();
    let inside = [
        bytes(1, node),
        bytes(2, "g"),
        bytes(5, more),
        bytes(11, value("image", input)),
        // Of any shape.
        bytes(12, [bytes(1, "features"), bytes(2, bytes(1, number(1, 1)))].concat()),
    ];
    [number(1, 8), bytes(7, inside.concat()), bytes(8, number(2, 17))].concat()
}

/// Loads a network of a file.
fn load(file: &[u8]) -> Result<Encoder, String> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("file.onnx");
    std::fs::write(&path, file).expect("a small file");
    Encoder::load(&path, Card::default(), 1).map_err(|error| error.to_string())
}

/// Loads a network that must be refused in these words among others, and with little memory.
#[track_caller]
fn check(file: &[u8], expected: &str) {
    let mut found = None;
    let memory = allocation_counter::measure(|| found = load(file).err()).bytes_max;
    let error = found.expect("it is refused");
    assert!(error.contains(expected) && error.contains("file.onnx"), "`{expected}` is missing in: {error}");
    assert!(memory < LITTLE, "{memory} bytes for {error}");
}

#[test]
fn onnx_files_that_claim_a_terabyte_are_refused() {
    const IMAGE: &[u64] = &[1, 3, 8, 8];
    let one = 1f32.to_le_bytes();
    let whole = |numbers: &[u64]| numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<u8>>();
    // Two that are encoders, or this would show nothing.
    for (operation, more) in
        [("Mul", tensor("more", 1, &[1], &one)), ("Expand", tensor("more", 7, &[4], &whole(&[1, 3, 8, 8])))]
    {
        load(&network(operation, IMAGE, &more, &["image", "more"])).expect("it is an encoder");
    }
    // Weights of a terabyte in four bytes, and of more than can be counted.
    let weights = |dims: &[u64]| network("Mul", IMAGE, &tensor("more", 1, dims, &one), &["image", "more"]);
    check(&weights(&[MANY]), "cannot be read as a network");
    check(&weights(&[u64::MAX >> 1, 3]), "cannot be read as a network");
    check(&weights(&[u64::MAX]), "cannot be read as a network");
    // Pictures of a terabyte.
    let plain = tensor("more", 1, &[1], &one);
    check(
        &network("Mul", &[1, 3, 300_000, 300_000], &plain, &["image", "more"]),
        "expected two sides from 1 to 4096",
    );
    check(&network("Mul", &[1 << 20, 3, 4096, 4096], &plain, &["image", "more"]), "expected at most");
    // A value of a terabyte that is computed, and one that is a constant.
    let shape = |numbers: &[u64]| tensor("more", 7, &[numbers.len() as u64], &whole(numbers));
    check(&network("Expand", IMAGE, &shape(&[MANY, 3, 8, 8]), &["image", "more"]), "expected at most");
    let constant = network("ConstantOfShape", IMAGE, &shape(&[MANY * 1000]), &["more"]);
    // What is asked for and not given is no memory, so it is not counted.
    assert!(load(&constant).is_err());
    // A file of four bytes that says that a gigabyte follows.
    check(&[&varint(7 << 3 | 2)[..], &varint(1 << 30)].concat(), "is no ONNX file");
}
