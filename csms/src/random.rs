//! Random texts: ids, tokens and keys.

/// Upper-case letters and digits that nobody can guess: five bits of each come from the generator of the crate `rand`,
/// which the system seeds.
pub(crate) fn random_text(length: usize) -> String {
    const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let letter = || char::from(ALPHABET[rand::random_range(0..ALPHABET.len())]);
    std::iter::repeat_with(letter).take(length).collect()
}
