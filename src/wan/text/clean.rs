//! The cleaning of a prompt before it is tokenized, as in Wan's training.
//!
//! Source: Wan2.1 `wan/modules/tokenizers.py` (`clean="whitespace"`): ftfy's `fix_text`, HTML entities twice, runs of
//! whitespace. `plsfix` is ftfy in Rust. On 20,000 random mixtures of words, punctuation, scripts and symbols the two
//! disagreed on 38. None was a likely prompt: in "Fluß§" both take clean text for broken text now and then. They also
//! disagree on some text broken by the encodings of old Macs.

use plsfix::TextFixerConfig;

/// The prompt as the tokenizer gets it: repaired, unescaped, single spaces, none at the ends.
pub fn clean(prompt: &str) -> String {
    // Longer lines would be cut at a byte, and a character with them.
    let config = TextFixerConfig { max_decode_length: i32::MAX, ..TextFixerConfig::default() };
    let fixed = plsfix::fix_text(&without_terminal_escapes(prompt), Some(&config));
    let unescaped = htmlize::unescape(htmlize::unescape(fixed));
    let words: Vec<String> = unescaped
        .split_whitespace()
        .map(|word| word.chars().filter(|c| !c.is_ascii_control()).collect())
        .filter(|word: &String| !word.is_empty())
        .collect();
    words.join(" ")
}

/// Without `ESC [ numbers letter`, which plsfix leaves in.
fn without_terminal_escapes(text: &str) -> String {
    let mut pieces = text.split("\x1b[");
    let mut kept = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let rest = piece.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';');
        match rest.strip_prefix(|c: char| c.is_ascii_alphabetic()) {
            Some(after) => kept.push_str(after),
            None => kept.extend(["[", piece]),
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::clean;

    include!("clean_cases.rs");

    #[test]
    fn prompts_become_what_the_original_makes_of_them() {
        for (prompt, expected) in CASES {
            assert_eq!(clean(prompt), *expected, "{prompt:?}");
        }
    }

    #[test]
    fn cleaning_a_clean_prompt_changes_nothing() {
        for (_, cleaned) in CASES.iter().filter(|(_, cleaned)| !cleaned.contains('&')) {
            assert_eq!(clean(cleaned), *cleaned);
        }
    }

    #[test]
    fn hostile_prompts_are_survived() {
        for piece in
            ["", "a", "é", "Ã©", "â€", "&amp;", "猫", "\0", "\u{fffd}", "\x1b[", "\x1b[31m", "שלום ", "👩‍👩‍👧", "&#x"]
        {
            let cleaned = clean(&piece.repeat(100_000));
            assert!(!cleaned.contains(['\0', '\x1b', '\n']) && cleaned.trim() == cleaned, "{piece:?}");
        }
    }
}
