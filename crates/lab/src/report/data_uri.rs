//! Files as addresses that hold them, so that a page needs no other file.

/// Signs of base64 (RFC 4648, <https://www.rfc-editor.org/rfc/rfc4648#section-4>), six bits each.
const SIGNS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The address of a file of a type such as `image/png`.
///
/// ```
/// assert_eq!(lab::report::data_uri::data_uri("text/plain", b"foob"), "data:text/plain;base64,Zm9vYg==");
/// ```
pub fn data_uri(kind: &str, bytes: &[u8]) -> String {
    format!("data:{kind};base64,{}", base64(bytes))
}

fn base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let bits =
            chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        let sign = |place: usize| char::from(SIGNS[(bits >> (18 - 6 * place) & 63) as usize]);
        text.extend((0..4).map(|place| if place <= chunk.len() { sign(place) } else { '=' }));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vectors_of_the_standard() {
        let check = |bytes: &str, expected: &str| assert_eq!(base64(bytes.as_bytes()), expected);
        check("", "");
        check("f", "Zg==");
        check("fo", "Zm8=");
        check("foo", "Zm9v");
        check("foob", "Zm9vYg==");
        check("fooba", "Zm9vYmE=");
        check("foobar", "Zm9vYmFy");
        assert_eq!(base64(&[0xfb, 0xef, 0xff]), "++//");
    }
}
