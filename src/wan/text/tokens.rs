//! A tokenized prompt: the characters of each token, and the positions of each word.

use std::ops::Range;

/// One token of a prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Its row in the text encoder's vocabulary.
    pub id: u32,
    /// Its spelling in the vocabulary: `▁cat`, `<0xE7>`, `</s>`.
    pub piece: String,
    /// The bytes of the prompt it covers, without surrounding spaces; empty for the end of the prompt and lone spaces.
    pub span: Range<usize>,
}

/// One word of a prompt: the text between spaces, without punctuation around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// The word, spelled as in the prompt.
    pub text: String,
    /// The bytes of the prompt it covers.
    pub span: Range<usize>,
    /// Its tokens' positions.
    pub positions: Vec<usize>,
}

/// The tokens of one prompt, in order. A position is an index into them and a row of the prompt's embedding.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tokens {
    /// The cleaned prompt, which every span refers to.
    pub prompt: String,
    /// The tokens, the end of the prompt included, at most the length the model takes.
    pub tokens: Vec<Token>,
    /// The position of the token that ends the prompt, where the tokenizer has one.
    pub eos: Option<usize>,
    /// The number of tokens at the end of the prompt that were dropped.
    pub dropped: usize,
}

impl Tokens {
    /// The vocabulary rows of the tokens.
    pub fn ids(&self) -> Vec<u32> {
        self.tokens.iter().map(|token| token.id).collect()
    }

    /// The first position behind the prompt: from here to the end the embedding is padding, all rows alike.
    pub fn padding_start(&self) -> usize {
        self.tokens.len()
    }

    /// The prompt's words that have tokens, in order.
    pub fn words(&self) -> Vec<Word> {
        let end = self.end();
        let spans = split_spaces(&self.prompt).map(|span| trim(&self.prompt, span, is_punctuation));
        spans
            .take_while(|span| span.start < end)
            .filter(|span| !span.is_empty())
            .map(|span| Word { text: self.prompt[span.clone()].to_owned(), positions: self.covering(&span), span })
            .collect()
    }

    /// The rising positions of all tokens of `word` in the prompt; none if it is absent.
    ///
    /// Case and surrounding punctuation do not matter. `word` may be a phrase, or a part of a run in a script without
    /// spaces. Elsewhere it must begin and end where a word does.
    pub fn positions(&self, word: &str) -> Vec<usize> {
        // Cleaning a word depends on its neighbours, so the spelling of the prompt is tried first.
        let cleaned = super::clean(word);
        let bare = &cleaned[trim(&cleaned, 0..cleaned.len(), is_punctuation)];
        [word, &cleaned, bare].iter().map(|word| self.find(word)).find(|found| !found.is_empty()).unwrap_or_default()
    }

    fn find(&self, word: &str) -> Vec<usize> {
        // The last word may have lost its end; its beginning counts as the word.
        let end = self.end();
        let text =
            self.prompt.get(end..).and_then(|rest| self.prompt.get(..end + rest.find(' ').unwrap_or(rest.len())));
        let spans = occurrences(text.unwrap_or_default(), word).into_iter().take_while(|span| span.start < end);
        let mut positions: Vec<usize> = spans.flat_map(|span| self.covering(&span)).collect();
        positions.sort_unstable();
        positions.dedup();
        positions
    }

    /// The positions of the tokens that cover any byte of `span`.
    pub fn covering(&self, span: &Range<usize>) -> Vec<usize> {
        let touches = |token: &Token| token.span.start.max(span.start) < token.span.end.min(span.end);
        (0..self.tokens.len()).filter(|&i| touches(&self.tokens[i])).collect()
    }

    /// The end of what the tokens cover.
    fn end(&self) -> usize {
        self.tokens.iter().map(|token| token.span.end).max().unwrap_or(0)
    }
}

/// `span` of `text` without the characters at its ends that `dropped` names.
pub(super) fn trim(text: &str, span: Range<usize>, dropped: fn(char) -> bool) -> Range<usize> {
    let Some(inner) = text.get(span.clone()) else { return span.start..span.start };
    let start = span.start + inner.len() - inner.trim_start_matches(dropped).len();
    start..start + inner.trim_matches(dropped).len()
}

/// The spans of the text between spaces.
fn split_spaces(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut start = 0;
    text.split(' ').map(move |word| {
        let span = start..start + word.len();
        start = span.end + 1;
        span
    })
}

/// The spans of `text` that equal `word` in any case and begin and end where a word does.
fn occurrences(text: &str, word: &str) -> Vec<Range<usize>> {
    let word: String = word.chars().flat_map(char::to_lowercase).collect();
    if word.is_empty() {
        return Vec::new();
    }
    // The lower-case text, and for each of its bytes the character of `text` it comes from.
    let (mut lower, mut origin) = (String::with_capacity(text.len()), Vec::with_capacity(text.len()));
    for (start, c) in text.char_indices() {
        lower.extend(c.to_lowercase());
        origin.resize(lower.len(), start..start + c.len_utf8());
    }
    let mut spans = Vec::new();
    let mut from = 0;
    while let Some(start) = lower.get(from..).and_then(|rest| rest.find(&word)).map(|found| from + found) {
        let end = start + word.len();
        if may_split(&lower, start) && may_split(&lower, end) {
            spans.push(origin[start].start..origin[end - 1].end);
            from = end;
        } else {
            // On to the next place where a word may begin. A long run is passed once, not at each of its letters.
            let mut later = lower[start..].char_indices().skip(1).map(|(at, _)| start + at);
            from = later.find(|&at| may_split(&lower, at)).unwrap_or(lower.len());
        }
    }
    spans
}

/// True if a word can begin or end at byte `at` of `text`.
fn may_split(text: &str, at: usize) -> bool {
    let joins = |c: Option<char>| c.is_some_and(|c| (c.is_alphanumeric() || is_mark(c)) && !is_unspaced(c));
    !(joins(text[..at].chars().next_back()) && joins(text[at..].chars().next()))
}

/// Accents that stand behind their letter as a character of their own.
const fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{20d0}'..='\u{20ff}')
}

/// Scripts that join words, or words and particles, without spaces: Thai to Khmer, Chinese, Japanese, Korean.
const fn is_unspaced(c: char) -> bool {
    matches!(c,
        '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{11ff}' | '\u{1780}'..='\u{17ff}' | '\u{2e80}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7ff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

/// The punctuation of Latin and East Asian text; symbols and emoji are not.
fn is_punctuation(c: char) -> bool {
    c.is_ascii_punctuation()
        || matches!(c,
            '¡' | '§' | '«' | '¶' | '·' | '»' | '¿' | '\u{5be}' | '\u{60c}' | '\u{61b}' | '\u{61f}' | '\u{964}'
            | '\u{2010}'..='\u{2027}' | '\u{2030}'..='\u{205e}' | '\u{3001}'..='\u{3003}'
            | '\u{3008}'..='\u{3011}' | '\u{3014}'..='\u{301f}' | '・')
}
