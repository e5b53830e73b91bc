//! The metadata of a trace: strings in the file, a [`Shape`] and an [`Origin`] here.

use std::{collections::BTreeMap, str::FromStr};

use super::{
    Shape,
    error::{Fault, short},
};

/// Value of the key `format`.
const FORMAT: &str = "attention-trace";

/// Value of the key `version`.
const VERSION: &str = "1";

/// Keys that must be there.
const REQUIRED: [&str; 12] = [
    "format",
    "version",
    "model",
    "task",
    "causal",
    "num_layers",
    "num_heads",
    "num_kv_heads",
    "head_dim",
    "seq_len",
    "scale",
    "source_text",
];

/// Keys that may be there and that mean something here.
const OPTIONAL: [&str; 5] = ["prompt_len", "window", "model_num_layers", "source_layers", "tokens"];

/// Keys of the capture, passed on as they are.
const NOTES: [&str; 3] = ["sampling", "f16_max_abs_prob_error", "f16_max_rel_output_error"];

/// Start of the keys that anyone may add.
const OWN_KEYS: &str = "x_";

/// Where a trace comes from. Nothing in it changes what is computed.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Origin {
    /// What the model was doing.
    pub task: String,
    /// The text that it read.
    pub source_text: String,
    /// Layers of the whole model, where the trace says so.
    pub model_layers: Option<u32>,
    /// Which layer of the model each layer of the trace is, ascending. Where this jumps,
    /// importance carried from layer to layer jumps over the missing ones.
    pub source_layers: Option<Vec<u32>>,
    /// The text of each token.
    pub tokens: Option<Vec<String>>,
    /// Notes of the capture by key, and keys of the user's own (`x_…`).
    pub notes: BTreeMap<String, String>,
}

/// Reads and checks the metadata of a header that names so many tensors.
pub(super) fn parse(
    entries: &BTreeMap<String, String>,
    tensors: usize,
) -> Result<(Shape, Origin), Fault> {
    let fields = Fields(entries);
    fields.must_equal("format", FORMAT)?;
    fields.must_equal("version", VERSION)?;
    fields.refuse_unknown()?;
    let layers = fields.number("num_layers")?;
    // Checked before anything is made for each layer, so that a lie costs no memory.
    require(layers as usize <= tensors, "num_layers", || {
        format!("must be at most the number of tensors, {tensors} (found {layers})")
    })?;
    let shape = Shape {
        model: fields.required("model")?.to_owned(),
        layers,
        heads: fields.number("num_heads")?,
        kv_heads: fields.number("num_kv_heads")?,
        head_dim: fields.number("head_dim")?,
        seq_len: fields.number("seq_len")?,
        prompt_len: fields.optional("prompt_len").transpose()?,
        causal: fields.parse("causal", "must be `true` or `false`")?,
        scale: fields.parse("scale", "must be a number")?,
        window: fields.window(layers)?,
    };
    check_shape(&shape)?;
    let origin = Origin {
        task: fields.required("task")?.to_owned(),
        source_text: fields.required("source_text")?.to_owned(),
        model_layers: fields.optional("model_num_layers").transpose()?,
        source_layers: fields.source_layers()?,
        tokens: fields.json_list("tokens", "a JSON list of strings")?,
        notes: fields.notes(),
    };
    check_origin(&origin, &shape)?;
    Ok((shape, origin))
}

/// The metadata that [`parse`] would read back as these.
pub(super) fn compose(shape: &Shape, origin: &Origin) -> BTreeMap<String, String> {
    let numbers = |list: &[u32]| list.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
    let mut entries = origin.notes.clone();
    let mut put = |key: &str, value: String| entries.insert(key.to_owned(), value);
    put("format", FORMAT.to_owned());
    put("version", VERSION.to_owned());
    put("model", shape.model.clone());
    put("task", origin.task.clone());
    put("source_text", origin.source_text.clone());
    put("causal", shape.causal.to_string());
    put("num_layers", shape.layers.to_string());
    put("num_heads", shape.heads.to_string());
    put("num_kv_heads", shape.kv_heads.to_string());
    put("head_dim", shape.head_dim.to_string());
    put("seq_len", shape.seq_len.to_string());
    put("scale", shape.scale.to_string());
    if let Some(prompt) = shape.prompt_len {
        put("prompt_len", prompt.to_string());
    }
    if shape.window.iter().any(|&window| window != 0) {
        put("window", format!("[{}]", numbers(&shape.window)));
    }
    if let Some(layers) = origin.model_layers {
        put("model_num_layers", layers.to_string());
    }
    if let Some(layers) = &origin.source_layers {
        put("source_layers", numbers(layers));
    }
    if let Some(tokens) = &origin.tokens {
        let json = serde_json::to_string(tokens).expect("strings are always JSON");
        put("tokens", json);
    }
    entries
}

/// The rules that join the fields of a shape.
pub(super) fn check_shape(shape: &Shape) -> Result<(), Fault> {
    for (key, value) in [
        ("num_layers", shape.layers),
        ("num_heads", shape.heads),
        ("num_kv_heads", shape.kv_heads),
        ("head_dim", shape.head_dim),
        ("seq_len", shape.seq_len),
    ] {
        require(value > 0, key, || "must be at least 1 (found 0)".to_owned())?;
    }
    require(shape.heads.is_multiple_of(shape.kv_heads), "num_kv_heads", || {
        format!("must divide num_heads = {} (found {})", shape.heads, shape.kv_heads)
    })?;
    require((1e-6..=1e6).contains(&shape.scale), "scale", || {
        format!("must be a number from 1e-6 to 1e6 (found {})", shape.scale)
    })?;
    if let Some(prompt) = shape.prompt_len {
        require((1..=shape.seq_len).contains(&prompt), "prompt_len", || {
            format!("must be from 1 to seq_len = {} (found {prompt})", shape.seq_len)
        })?;
        require(shape.causal, "prompt_len", || {
            "needs causal = true: a query that sees later keys cannot be a decode step".to_owned()
        })?;
    }
    require(shape.window.len() == shape.layers as usize, "window", || {
        let found = shape.window.len();
        format!("must have one entry for each layer, num_layers = {} (found {found})", shape.layers)
    })?;
    require(shape.causal || shape.window.iter().all(|&window| window == 0), "window", || {
        "needs causal = true: a window counts the newest keys that a query sees".to_owned()
    })
}

pub(super) fn check_origin(origin: &Origin, shape: &Shape) -> Result<(), Fault> {
    if let Some(tokens) = &origin.tokens {
        require(tokens.len() == shape.seq_len as usize, "tokens", || {
            format!(
                "must have an entry for each token, seq_len = {} (found {})",
                shape.seq_len,
                tokens.len()
            )
        })?;
    }
    if let Some(layers) = origin.model_layers {
        require(layers >= shape.layers, "model_num_layers", || {
            format!("must be at least num_layers = {} (found {layers})", shape.layers)
        })?;
    }
    if let Some(layers) = &origin.source_layers {
        require(layers.len() == shape.layers as usize, "source_layers", || {
            format!(
                "must have an entry for each layer, num_layers = {} (found {})",
                shape.layers,
                layers.len()
            )
        })?;
        let ascending = layers.is_sorted_by(|a, b| a < b);
        let last = layers.last().copied().unwrap_or(0);
        let in_model = origin.model_layers.is_none_or(|all| last < all);
        require(ascending && in_model, "source_layers", || {
            "must be ascending and below model_num_layers".to_owned()
        })?;
    }
    origin.notes.keys().try_for_each(|key| {
        require(is_note(key), key, || {
            format!("is not a note; keys of your own start with `{OWN_KEYS}`")
        })
    })
}

/// Whether a key only describes.
fn is_note(key: &str) -> bool {
    NOTES.contains(&key) || key.starts_with(OWN_KEYS)
}

fn require(holds: bool, key: &str, rule: impl FnOnce() -> String) -> Result<(), Fault> {
    if holds { Ok(()) } else { Err(Fault::metadata(key, rule())) }
}

/// The entries, with what a key of each kind must look like.
struct Fields<'a>(&'a BTreeMap<String, String>);

impl Fields<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    fn required(&self, key: &str) -> Result<&str, Fault> {
        self.get(key).ok_or_else(|| Fault::metadata(key, "is required and missing"))
    }

    fn must_equal(&self, key: &str, known: &str) -> Result<(), Fault> {
        let found = self.required(key)?;
        require(found == known, key, || format!("must be `{known}` (found `{}`)", short(found)))
    }

    /// A misspelt key must not pass for one that is left out.
    fn refuse_unknown(&self) -> Result<(), Fault> {
        let known = |key: &str| REQUIRED.contains(&key) || OPTIONAL.contains(&key) || is_note(key);
        match self.0.keys().find(|key| !known(key)) {
            Some(key) => Err(Fault::metadata(
                key,
                format!(
                    "is not a key of {FORMAT} {VERSION}; keys of your own start with `{OWN_KEYS}`"
                ),
            )),
            None => Ok(()),
        }
    }

    fn parse<T: FromStr>(&self, key: &str, rule: &str) -> Result<T, Fault> {
        let found = self.required(key)?;
        found
            .parse()
            .map_err(|_| Fault::metadata(key, format!("{rule} (found `{}`)", short(found))))
    }

    fn number(&self, key: &str) -> Result<u32, Fault> {
        self.parse(key, "must be a whole number below 2^32")
    }

    fn optional(&self, key: &str) -> Option<Result<u32, Fault>> {
        self.get(key).map(|_| self.number(key))
    }

    fn json_list<T: serde::de::DeserializeOwned>(
        &self,
        key: &str,
        what: &str,
    ) -> Result<Option<Vec<T>>, Fault> {
        let parse = |text| {
            serde_json::from_str(text).map_err(|error| {
                Fault::metadata(key, format!("must be {what}: {}", short(&error.to_string())))
            })
        };
        self.get(key).map(parse).transpose()
    }

    /// All layers see everything where the key is left out.
    fn window(&self, layers: u32) -> Result<Vec<u32>, Fault> {
        let listed = self.json_list("window", "a JSON list of whole numbers")?;
        Ok(listed.unwrap_or_else(|| vec![0; layers as usize]))
    }

    fn source_layers(&self) -> Result<Option<Vec<u32>>, Fault> {
        let rule = "must be whole numbers with commas between them";
        let parse = |text: &str| {
            let numbers: Result<Vec<u32>, _> = text.split(',').map(str::parse).collect();
            numbers.map_err(|_| Fault::metadata("source_layers", rule))
        };
        self.get("source_layers").map(parse).transpose()
    }

    fn notes(&self) -> BTreeMap<String, String> {
        let kept = self.0.iter().filter(|(key, _)| is_note(key));
        kept.map(|(key, value)| (key.clone(), value.clone())).collect()
    }
}
