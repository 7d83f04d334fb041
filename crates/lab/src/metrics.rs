//! Metrics under flat names, as a table for spreadsheets, and as numbers again.
//!
//! Metrics are JSON objects, one a line. What lies within an object or a list has the names that lead to it, joined by
//! `/`, places of a list counted from 1: `{"step": 3, "bleu": [0.6, 0.4]}` has `step`, `bleu/1` and `bleu/2`. These are
//! the columns of the CSV file and the tags of TensorBoard.

use std::collections::HashSet;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// All numbers, texts, truth values and nulls of an object, with their names.
///
/// ```
/// let metrics = serde_json::json!({ "step": 3, "bleu": [0.6, 0.4], "val": { "loss": null } });
/// let names: Vec<String> = lab::metrics::leaves(&metrics).into_iter().map(|(name, _)| name).collect();
/// assert_eq!(names, ["bleu/1", "bleu/2", "step", "val/loss"]);
/// ```
pub fn leaves(metrics: &Value) -> Vec<(String, &Value)> {
    let mut all = Vec::new();
    collect(String::new(), metrics, &mut all);
    all
}

fn collect<'a>(name: String, value: &'a Value, all: &mut Vec<(String, &'a Value)>) {
    let inner = |part: String| if name.is_empty() { part } else { format!("{name}/{part}") };
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(key, value)| collect(inner(key.clone()), value, all));
        }
        Value::Array(list) => {
            (1..).zip(list).for_each(|(place, value): (usize, _)| {
                collect(inner(place.to_string()), value, all);
            });
        }
        leaf => all.push((name, leaf)),
    }
}

/// A row for each object and a column for each name that any of them has: `step` first, the others as they come up. What an
/// object lacks is left empty, and so is `null`, which a number that was none was written as.
///
/// ```
/// let metrics = [serde_json::json!({ "loss": 2.5, "step": 1 }), serde_json::json!({ "score": 0.3, "step": 1 })];
/// assert_eq!(lab::metrics::csv(&metrics), "step,loss,score\n1,2.5,\n1,,0.3\n");
/// ```
pub fn csv(metrics: &[Value]) -> String {
    let rows: Vec<Vec<(String, &Value)>> = metrics.iter().map(leaves).collect();
    let names = || rows.iter().flatten().map(|(name, _)| name.as_str());
    let mut seen = HashSet::new();
    let first = names().find(|name| *name == "step");
    let columns: Vec<&str> = first.into_iter().chain(names()).filter(|name| seen.insert(*name)).collect();
    if columns.is_empty() {
        return String::new();
    }
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut write = |row: &[String]| {
        writer.write_record(row).expect("rows are as long as each other, and memory takes them");
    };
    write(&columns.iter().map(|name| name.to_string()).collect::<Vec<_>>());
    for row in &rows {
        let cell = |column: &&str| match row.iter().find(|(name, _)| name == column) {
            Some((_, Value::String(text))) => text.clone(),
            None | Some((_, Value::Null)) => String::new(),
            Some((_, other)) => other.to_string(),
        };
        write(&columns.iter().map(cell).collect::<Vec<_>>());
    }
    let bytes = writer.into_inner().expect("memory takes what is left");
    String::from_utf8(bytes).expect("rows of text are text")
}

/// A number of metrics for `#[serde(deserialize_with)]`: NaN and infinity were written as `null`, which is read as NaN.
///
/// # Errors
/// If it is neither a number nor `null`.
pub fn number<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or(f64::NAN))
}

/// Numbers of metrics, like [`number`].
///
/// # Errors
/// If one is neither a number nor `null`.
pub fn numbers<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<f64>, D::Error> {
    let numbers: Vec<Option<f64>> = Vec::deserialize(from)?;
    Ok(numbers.into_iter().map(|number| number.unwrap_or(f64::NAN)).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn columns_are_all_names_and_cells_are_quoted() {
        let metrics = [
            json!({ "epoch": 1, "step": 1, "loss": 0.1 }),
            json!({ "step": 1, "bleu": [0.5, 1e-7], "said": "a \"dog\", and\na cat" }),
            json!({ "step": 2, "loss": null, "done": true, "none": [] }),
        ];
        let text = csv(&metrics);
        let read = csv::Reader::from_reader(text.as_bytes()).into_records();
        let read: Vec<Vec<String>> =
            read.map(|row| row.unwrap().iter().map(str::to_string).collect()).collect();
        assert!(text.starts_with("step,epoch,loss,bleu/1,bleu/2,said,done\n"), "{text}");
        assert_eq!(read[0], ["1", "1", "0.1", "", "", "", ""]);
        assert_eq!(read[1], ["1", "", "", "0.5", "1e-7", "a \"dog\", and\na cat", ""]);
        assert_eq!(read[2], ["2", "", "", "", "", "", "true"]);
        assert_eq!(csv(&[]), "");
    }
}
