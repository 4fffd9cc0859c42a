//! The rules of `docs/style.md` that a test can read. The tests of help texts, comments and messages share them.

/// Words that the project no longer uses, in lower case, and their replacements.
pub const RETIRED: [(&str, &str); 11] = [
    ("film", "video"),
    ("films", "videos"),
    ("said", "reported"),
    ("says", "a noun: the value of, the message of"),
    ("told", "reported"),
    ("heard", "received or measured"),
    ("hears", "receives or measures"),
    ("meant", "intended or selected"),
    ("met", "reached"),
    ("manieth", "the `step`-th"),
    ("anew", "again"),
];

/// Longest sentence, in words.
pub const MOST_WORDS: usize = 20;

/// The retired words of a line, each with its replacement.
pub fn retired(line: &str) -> Vec<(&'static str, &'static str)> {
    let line = line.to_lowercase();
    let words = line.split(|c: char| !c.is_alphabetic());
    words.filter_map(|word| RETIRED.into_iter().find(|(retired, _)| *retired == word)).collect()
}

/// Number of words of a sentence; signs on their own do not count.
pub fn words(sentence: &str) -> usize {
    sentence.split_whitespace().filter(|word| word.chars().any(char::is_alphanumeric)).count()
}
