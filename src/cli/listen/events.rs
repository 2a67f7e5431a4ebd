//! Reading server-sent events (HTML Living Standard, section 9.2.6), as far as our server writes them.

use std::{collections::VecDeque, time::Duration};

use tokio::time::timeout;

/// What stands between two empty lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Block {
    /// The place that was come to.
    pub(super) id: Option<String>,
    /// The kind; empty for none.
    pub(super) event: String,
    /// What is told; empty for a sign of life.
    pub(super) data: String,
}

/// Reads the blocks of an answer.
pub(super) struct EventReader {
    response: reqwest::Response,
    silence_max: Duration,
    parser: Parser,
    blocks: VecDeque<Block>,
}

impl EventReader {
    /// Reads `response`; silence that lasts longer than `silence_max` counts as a cut.
    pub(super) fn new(response: reqwest::Response, silence_max: Duration) -> Self {
        Self { response, silence_max, parser: Parser::default(), blocks: VecDeque::new() }
    }

    /// Returns the next block that says something. `None` at the end.
    ///
    /// # Errors
    /// Why nothing more will come.
    pub(super) async fn next(&mut self) -> Result<Option<Block>, String> {
        loop {
            if let Some(block) = self.blocks.pop_front() {
                return Ok(Some(block));
            }
            match timeout(self.silence_max, self.response.chunk()).await {
                Ok(Ok(Some(bytes))) => self.blocks.extend(self.parser.feed(&bytes)),
                Ok(Ok(None)) => return Ok(None),
                Ok(Err(_)) => return Err("the connection broke".to_owned()),
                Err(_) => return Err("the server gave no sign of life".to_owned()),
            }
        }
    }
}

/// Puts blocks together from pieces that end anywhere.
#[derive(Default)]
struct Parser {
    rest: Vec<u8>,
    block: Block,
    has_content: bool,
}

impl Parser {
    fn feed(&mut self, bytes: &[u8]) -> Vec<Block> {
        let mut blocks = Vec::new();
        self.rest.extend_from_slice(bytes);
        while let Some(end) = memchr::memchr(b'\n', &self.rest) {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            match line.trim_end_matches(['\n', '\r']) {
                "" if self.has_content => {
                    blocks.push(std::mem::take(&mut self.block));
                    self.has_content = false;
                }
                "" => {}
                line => self.line(line),
            }
        }
        blocks
    }

    fn line(&mut self, line: &str) {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" => self.block.id = Some(value.to_owned()),
            "event" => value.clone_into(&mut self.block.event),
            "data" => {
                if !self.block.data.is_empty() {
                    self.block.data.push('\n');
                }
                self.block.data.push_str(value);
            }
            _ => return,
        }
        self.has_content = true;
    }
}

#[cfg(test)]
mod tests {
    use super::{Block, Parser};

    #[test]
    fn blocks_are_put_together_from_pieces_that_end_anywhere() {
        let text = "retry: 2000\n\nid: a\nevent: referral-updated\ndata: {\"n\": \"Gr\u{fc}n\"}\n\n: up to date\nid: b\n\n";
        let block = |id: &str, event: &str, data: &str| Block {
            id: Some(id.to_owned()),
            event: event.to_owned(),
            data: data.to_owned(),
        };
        let expected = [block("a", "referral-updated", "{\"n\": \"Gr\u{fc}n\"}"), block("b", "", "")];

        for size in 1..text.len() {
            let mut parser = Parser::default();
            let read: Vec<Block> = text.as_bytes().chunks(size).flat_map(|it| parser.feed(it)).collect();

            assert_eq!(read, expected, "{size}");
        }
    }
}
