//! Reading and checking a table.

use std::{fs, io::Read, path::Path, str::FromStr};

use csv::StringRecord;
use sha2::{Digest, Sha256};

use super::{Row, Table, TableError};

/// Columns, in order.
const COLUMNS: [&str; 17] = [
    "iteration_id",
    "layer_id",
    "head_id",
    "embedding_length_D",
    "sentence_length_L",
    "key_fetch_num",
    "quant_key_bit",
    "quant_query_bit",
    "auto_requant_thres",
    "if_requant",
    "auto_requant_incre",
    "value_fetch_num",
    "quant_value_bit",
    "if_accumulate_importance",
    "if_rescale_previous_importance",
    "if_topk",
    "topk",
];

/// Widths that the released bench knows.
const WIDTHS: [u32; 5] = [4, 6, 8, 10, 12];

/// Largest file that is read: the authors' largest, of 12 288 rows, has 0.8 MB.
const MAX_BYTES: u64 = 64 << 20;

/// Largest number of dimensions or tokens: far beyond any model, far below overflow.
const MAX_COUNT: u32 = 1 << 20;

impl Table {
    /// Reads and checks a file.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or breaks a rule; with the line.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, TableError> {
        let path = path.as_ref();
        let file = path.display().to_string();
        let io = |source| TableError::Io { file: file.clone(), source };
        // Asked before opening: to open a pipe for reading can wait for ever.
        if !fs::metadata(path).map_err(io)?.is_file() {
            let rule = "must be a regular file, not a directory or a device".to_owned();
            return Err(TableError::File { file, rule });
        }
        let mut bytes = Vec::new();
        let mut limited = fs::File::open(path).map_err(io)?.take(MAX_BYTES + 1);
        limited.read_to_end(&mut bytes).map_err(io)?;
        if bytes.len() as u64 > MAX_BYTES {
            let rule = format!("must be a table of at most {MAX_BYTES} bytes");
            return Err(TableError::File { file, rule });
        }
        Self::from_bytes(&file, &bytes)
    }

    /// The same for a file that is already in memory. Errors call it `name`.
    ///
    /// # Errors
    ///
    /// If the bytes break a rule; with the line.
    pub fn from_bytes(name: &str, bytes: &[u8]) -> Result<Self, TableError> {
        let sha256 = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        let at = |line, rule| TableError::Line { file: name.to_owned(), line, rule };
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(bytes);
        let mut records = reader.records();
        let header = records.next().transpose().map_err(|error| malformed(name, &error))?;
        check_header(header.as_ref()).map_err(|rule| at(1, rule))?;
        let mut table = Self { configuration: None, head_dim: 0, rows: Vec::new(), sha256 };
        for record in records {
            let record = record.map_err(|error| malformed(name, &error))?;
            let line = record.position().map_or(0, csv::Position::line);
            table.push(&record).map_err(|rule| at(line, rule))?;
        }
        if table.rows.is_empty() {
            let rule = "must have at least one row".to_owned();
            return Err(TableError::File { file: name.to_owned(), rule });
        }
        Ok(table)
    }

    /// Takes the next line, or says which rule it breaks.
    fn push(&mut self, record: &StringRecord) -> Result<(), String> {
        if self.configuration.is_some() {
            return Err("must be the end: the line before names the configuration".to_owned());
        }
        if let Some(name) = configuration(record) {
            self.configuration = Some(name.to_owned());
            return Ok(());
        }
        let fields = Fields(record);
        let head_dim = fields.head_dim()?;
        if self.head_dim != 0 && self.head_dim != head_dim {
            let before = self.head_dim;
            return Err(format!(
                "`embedding_length_D` must be {before} as before (found {head_dim})"
            ));
        }
        let row = fields.row()?;
        if let Some(before) = self.rows.last() {
            check_order(before, &row)?;
        } else if row.head != 0 {
            return Err(format!("`head_id` must be 0 in the first row (found {})", row.head));
        }
        self.head_dim = head_dim;
        self.rows.push(row);
        Ok(())
    }
}

fn malformed(file: &str, error: &csv::Error) -> TableError {
    let line = error.position().map_or(1, csv::Position::line);
    let rule = match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("must have {expected_len} fields, as the first line (found {len})")
        }
        csv::ErrorKind::Utf8 { .. } => "must be UTF-8 text".to_owned(),
        _ => error.to_string(),
    };
    TableError::Line { file: file.to_owned(), line, rule }
}

fn check_header(header: Option<&StringRecord>) -> Result<(), String> {
    let found = header.ok_or("must name the columns; the file is empty")?;
    if found.len() != COLUMNS.len() {
        return Err(format!("must name {} columns (found {})", COLUMNS.len(), found.len()));
    }
    match COLUMNS.iter().zip(found).find(|(column, found)| *column != found) {
        Some((column, found)) => {
            Err(format!("must name column `{column}` (found `{}`)", short(found)))
        }
        None => Ok(()),
    }
}

/// The one text of a line with nothing else.
fn configuration(record: &StringRecord) -> Option<&str> {
    let name = record.get(0)?;
    let alone = record.iter().skip(1).all(str::is_empty);
    (alone && !name.is_empty() && name.parse::<i64>().is_err()).then_some(name)
}

/// Rows come by iteration, layer and head, and the heads of a layer count from 0.
fn check_order(before: &Row, row: &Row) -> Result<(), String> {
    let place = |row: &Row| (row.iteration, row.layer);
    if place(row) < place(before) {
        return Err("rows must come by `iteration_id`, then by `layer_id`".to_owned());
    }
    let same_layer = place(row) == place(before);
    let head = if same_layer { before.head + 1 } else { 0 };
    if row.head != head {
        return Err(format!("`head_id` must be {head} here (found {})", row.head));
    }
    if same_layer && before.topk.is_some() {
        return Err("must be of another layer: the row before has `if_topk`".to_owned());
    }
    if row.iteration == before.iteration && row.length != before.length {
        return Err(format!(
            "`sentence_length_L` must be {} as before in iteration {} (found {})",
            before.length, row.iteration, row.length
        ));
    }
    Ok(())
}

/// The fields of one line by their column.
struct Fields<'r>(&'r StringRecord);

impl<'r> Fields<'r> {
    fn text(&self, column: &str) -> &'r str {
        let index = COLUMNS.iter().position(|&name| name == column);
        index.and_then(|index| self.0.get(index)).expect("a column whose presence was checked")
    }

    fn parse<T: FromStr>(&self, column: &str, rule: &str) -> Result<T, String> {
        let found = self.text(column);
        found.parse().map_err(|_| format!("`{column}` {rule} (found `{}`)", short(found)))
    }

    fn number(&self, column: &str, least: u32, most: u32) -> Result<u32, String> {
        let rule = format!("must be a whole number from {least} to {most}");
        let number: u32 = self.parse(column, &rule)?;
        let inside = (least..=most).contains(&number);
        inside.then_some(number).ok_or_else(|| format!("`{column}` {rule} (found {number})"))
    }

    /// -1 stands for "does not apply".
    fn optional<T>(
        &self,
        column: &str,
        read: impl FnOnce(&Self) -> Result<T, String>,
    ) -> Result<Option<T>, String> {
        if self.text(column) == "-1" { Ok(None) } else { read(self).map(Some) }
    }

    fn width(&self, column: &str) -> Result<Option<u32>, String> {
        self.optional(column, |fields| {
            let rule = "must be -1, 4, 6, 8, 10 or 12";
            let bits: u32 = fields.parse(column, rule)?;
            let known = WIDTHS.contains(&bits);
            known.then_some(bits).ok_or_else(|| format!("`{column}` {rule} (found {bits})"))
        })
    }

    fn flag(&self, column: &str) -> Result<bool, String> {
        match self.text(column) {
            "True" => Ok(true),
            "False" => Ok(false),
            found => Err(format!("`{column}` must be True or False (found `{}`)", short(found))),
        }
    }

    /// Written as a decimal fraction, `64.0`.
    fn head_dim(&self) -> Result<u32, String> {
        let column = "embedding_length_D";
        let text = self.text(column);
        let whole = text.split_once('.').map_or(text, |(whole, rest)| {
            if rest.bytes().all(|digit| digit == b'0') { whole } else { text }
        });
        let number = whole.parse().ok().filter(|number| (1..=MAX_COUNT).contains(number));
        let found = short(text);
        number.ok_or_else(|| {
            format!("`{column}` must be a whole number from 1 to {MAX_COUNT} (found `{found}`)")
        })
    }

    fn threshold(&self) -> Result<f64, String> {
        let (column, rule) = ("auto_requant_thres", "must be -1 or a number from 0 to 1");
        let found: f64 = self.parse(column, rule)?;
        let inside = (0.0..=1.0).contains(&found);
        inside.then_some(found).ok_or_else(|| format!("`{column}` {rule} (found {found})"))
    }

    fn topk(&self, length: u32) -> Result<Option<u32>, String> {
        if self.flag("if_topk")? {
            return self.number("topk", 1, length).map(Some);
        }
        match self.text("topk") {
            "-1" => Ok(None),
            found => Err(format!("`topk` must be -1 without `if_topk` (found `{}`)", short(found))),
        }
    }

    fn row(&self) -> Result<Row, String> {
        let length = self.number("sentence_length_L", 1, MAX_COUNT)?;
        let keys = self.number("key_fetch_num", 1, length)?;
        let refetch = self.flag("if_requant")?;
        let lsb_bits =
            self.optional("auto_requant_incre", |f| f.number("auto_requant_incre", 1, 8))?;
        if refetch && lsb_bits.is_none() {
            return Err("`if_requant` needs `auto_requant_incre`: the bits that it adds".to_owned());
        }
        Ok(Row {
            iteration: self.number("iteration_id", 0, MAX_COUNT)?,
            layer: self.number("layer_id", 0, MAX_COUNT)?,
            head: self.number("head_id", 0, MAX_COUNT)?,
            length,
            keys,
            key_bits: self.width("quant_key_bit")?,
            query_bits: self.optional("quant_query_bit", |f| f.number("quant_query_bit", 1, 32))?,
            threshold: self.optional("auto_requant_thres", Self::threshold)?,
            refetch,
            lsb_bits,
            values: self.number("value_fetch_num", 1, keys)?,
            value_bits: self.width("quant_value_bit")?,
            accumulates: self.flag("if_accumulate_importance")?,
            rescales: self.flag("if_rescale_previous_importance")?,
            topk: self.topk(length)?,
        })
    }
}

/// The start of a text from the file.
fn short(text: &str) -> &str {
    text.char_indices().nth(60).map_or(text, |(end, _)| &text[..end])
}
