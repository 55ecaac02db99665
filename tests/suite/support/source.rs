//! The project's own files as data: where they are, and Rust text as tokens without comments and literals.

use std::fs;
use std::path::{Path, PathBuf};

/// The root of the checkout.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file below `directory` (relative to the root) as its path relative to the root and its text, sorted.
/// Left out: build output, version control, installed packages and files that are not UTF-8.
pub fn files(directory: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    collect(&root().join(directory), &mut found);
    found.sort();
    found
        .into_iter()
        .filter_map(|path| {
            let text = fs::read_to_string(&path).ok()?;
            let name = path.strip_prefix(root()).unwrap().to_str()?.to_owned();
            Some((name, text))
        })
        .collect()
}

/// The Rust files among [`files`].
pub fn rust_files(directory: &str) -> Vec<(String, String)> {
    files(directory)
        .into_iter()
        .filter(|(name, _)| name.ends_with(".rs"))
        .collect()
}

fn collect(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display())) {
        let entry = entry.unwrap();
        let (path, name) = (entry.path(), entry.file_name());
        if !entry.file_type().unwrap().is_dir() {
            found.push(path);
        } else if ![".git", "target", "node_modules", "data"].contains(&name.to_str().unwrap_or_default())
            && !path.join("CACHEDIR.TAG").exists()
        {
            collect(&path, found);
        }
    }
}

/// A word, a number, `::`, or one other character of Rust code; a string literal is the single token `"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    pub text: String,
    /// Counted from 1.
    pub line: usize,
}

/// Rust code without comments, the insides of literals, and lifetimes.
pub fn tokens(source: &str) -> Vec<Token> {
    let mut lexer = Lexer {
        text: source.chars().collect(),
        at: 0,
        line: 1,
    };
    let mut tokens = Vec::new();
    while let Some(token) = lexer.next_token() {
        tokens.push(token);
    }
    tokens
}

struct Lexer {
    text: Vec<char>,
    at: usize,
    line: usize,
}

impl Lexer {
    fn next_token(&mut self) -> Option<Token> {
        loop {
            let first = self.peek(0)?;
            let line = self.line;
            let token = |text: String| Some(Token { text, line });
            match (first, self.peek(1)) {
                _ if first.is_whitespace() => self.advance(1),
                ('/', Some('/')) => self.skip_line(),
                ('/', Some('*')) => self.skip_block_comment(),
                ('"', _) => {
                    self.skip_string();
                    return token("\"".to_owned());
                }
                ('\'', _) => self.skip_quote(),
                (':', Some(':')) => {
                    self.advance(2);
                    return token("::".to_owned());
                }
                _ if is_word(first) => {
                    if let Some(hashes) = self.raw_string() {
                        self.skip_raw_string(hashes);
                        return token("\"".to_owned());
                    }
                    if first == 'r' && self.peek(1) == Some('#') {
                        self.advance(2); // r#type is the name `type`
                    }
                    return token(self.word());
                }
                _ => {
                    self.advance(1);
                    return token(first.to_string());
                }
            }
        }
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.text.get(self.at + ahead).copied()
    }

    fn advance(&mut self, count: usize) {
        for _ in 0..count {
            if self.peek(0) == Some('\n') {
                self.line += 1;
            }
            self.at += 1;
        }
    }

    fn word(&mut self) -> String {
        let mut word = String::new();
        while let Some(next) = self.peek(0).filter(|next| is_word(*next)) {
            word.push(next);
            self.advance(1);
        }
        word
    }

    fn skip_line(&mut self) {
        while self.peek(0).is_some_and(|next| next != '\n') {
            self.advance(1);
        }
    }

    fn skip_block_comment(&mut self) {
        let mut depth = 0;
        while self.peek(0).is_some() {
            match (self.peek(0), self.peek(1)) {
                (Some('/'), Some('*')) => {
                    depth += 1;
                    self.advance(2);
                }
                (Some('*'), Some('/')) => {
                    depth -= 1;
                    self.advance(2);
                }
                _ => self.advance(1),
            }
            if depth == 0 {
                return;
            }
        }
    }

    fn skip_string(&mut self) {
        self.advance(1);
        while let Some(next) = self.peek(0) {
            match next {
                '\\' => self.advance(2),
                '"' => return self.advance(1),
                _ => self.advance(1),
            }
        }
    }

    /// A character literal in whole, or the quote and name of a lifetime.
    fn skip_quote(&mut self) {
        if self.peek(1) == Some('\\') {
            self.advance(3); // the quote, the backslash and what it escapes
            while self.peek(0).is_some_and(|next| next != '\'') {
                self.advance(1);
            }
            self.advance(1);
        } else if self.peek(2) == Some('\'') {
            self.advance(3);
        } else {
            self.advance(1);
            self.word();
        }
    }

    /// The number of hashes when a raw string starts here: `r"`, `r#"`, `br"`, `cr##"` …
    fn raw_string(&self) -> Option<usize> {
        let prefix = match (self.peek(0)?, self.peek(1)?) {
            ('r', _) => 1,
            ('b' | 'c', 'r') => 2,
            _ => return None,
        };
        let hashes = (0..)
            .take_while(|ahead| self.peek(prefix + ahead) == Some('#'))
            .count();
        (self.peek(prefix + hashes) == Some('"')).then_some(hashes)
    }

    fn skip_raw_string(&mut self, hashes: usize) {
        while self.peek(0).is_some_and(|next| next != '"') {
            self.advance(1);
        }
        self.advance(1);
        while self.peek(0).is_some() {
            let closes = self.peek(0) == Some('"') && (1..=hashes).all(|ahead| self.peek(ahead) == Some('#'));
            self.advance(1);
            if closes {
                return self.advance(hashes);
            }
        }
    }
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// True when the tokens from `at` on are exactly these.
pub fn starts(tokens: &[Token], at: usize, pattern: &[&str]) -> bool {
    tokens
        .get(at..at + pattern.len())
        .is_some_and(|found| found.iter().zip(pattern).all(|(token, text)| token.text == *text))
}

mod tests {
    use super::*;

    fn texts(source: &str) -> Vec<String> {
        tokens(source).into_iter().map(|token| token.text).collect()
    }

    #[test]
    fn comments_literals_and_lifetimes_are_not_code() {
        let code = "a /* b /* c */ d */ e // f\n \"g \\\" h\" r#\"i \" j\"# 'k' '\\'' '\\u{1F600}' &'l m b\"n\" r#type";
        assert_eq!(texts(code), ["a", "e", "\"", "\"", "&", "m", "b", "\"", "type"]);
    }

    #[test]
    fn paths_keep_their_colons_and_lines_are_counted() {
        let found = tokens("use a::b;\n\n/* \n */ c: d");
        assert_eq!(
            texts("use a::b; c: d"),
            ["use", "a", "::", "b", ";", "c", ":", "d"]
        );
        assert_eq!(found.last().map(|token| token.line), Some(4));
    }

    #[test]
    fn the_projects_own_files_are_found() {
        let names: Vec<_> = files("").into_iter().map(|(name, _)| name).collect();
        assert!(names.contains(&"Cargo.toml".to_owned()) && names.contains(&"src/main.rs".to_owned()));
        assert!(
            !names
                .iter()
                .any(|name| name.starts_with("target/") || name.starts_with(".git/"))
        );
    }
}
