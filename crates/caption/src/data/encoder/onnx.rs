//! An image encoder in an ONNX file, run by `tract`, which is Rust throughout (<https://github.com/sonos/tract>).
//!
//! A file is looked at before it is believed: an operation that is not known, a name that leads nowhere, weights in other files,
//! an input that is no picture and an output that is neither a vector nor a grid are each an error. What still brings the
//! runtime down is caught and told. Lacks: networks that take more than pictures, and weights in files beside the network,
//! whose hash would say nothing of them.

use std::collections::{BTreeSet, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use lab::files::read_file;
use sha2::{Digest, Sha256};
use tract_onnx::pb::tensor_proto::DataLocation;
use tract_onnx::pb::{GraphProto, ModelProto};
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::infer::Factoid;

use super::{Card, Layout, Origin, Sight};
use crate::data::DataError;
use crate::data::features::{Channels, Form};
use crate::data::picture::picture_of_bytes;

/// The most bytes of a network; the format itself ends there.
const LONGEST: u64 = 1 << 31;

/// The side of pictures where neither the card nor the network says it.
const USUAL_SIDE: usize = 224;

/// The most bytes of one value that a network computes, for all pictures of a batch.
const LARGEST_VALUE: u64 = 1 << 30;

/// Names that a message shows of many.
const SHOWN: usize = 8;

/// A network that makes features of pictures.
#[derive(Debug, Clone)]
pub struct Encoder {
    place: String,
    plan: Arc<TypedRunnableModel>,
    origin: Origin,
    form: Form,
    /// Whether a grid comes out of the network with its channels first.
    channels_first: bool,
    size: [u32; 2],
    batch: usize,
}

impl Encoder {
    /// Loads an encoder that will look at `batch` pictures at once, unless it says itself at how many.
    ///
    /// # Errors
    /// If the file cannot be read, is no such network, or the card does not fit it.
    pub fn load(path: &Path, card: Card, batch: usize) -> Result<Encoder, DataError> {
        Encoder::of_bytes(path, &read_file(path, LONGEST)?, card, batch)
    }

    /// Loads the encoder that made some features, for one picture at a time.
    ///
    /// # Errors
    /// As for [`Encoder::load`], and if it is another encoder.
    pub fn load_same(path: &Path, origin: &Origin) -> Result<Encoder, DataError> {
        let bytes = read_file(path, LONGEST)?;
        let found = sha256(&bytes);
        if found != origin.sha256 {
            let problem = format!(
                "is another encoder than the one that made the features: its SHA-256 is {found}, but that of {} was {}. Give that one",
                origin.file, origin.sha256
            );
            return Err(DataError::new(path.display().to_string(), problem));
        }
        Encoder::of_bytes(path, &bytes, origin.card.clone(), 1)
    }

    fn of_bytes(path: &Path, bytes: &[u8], mut card: Card, batch: usize) -> Result<Encoder, DataError> {
        let place = path.display().to_string();
        let error = |problem: String| DataError::new(&place, problem);
        let mut network = network(bytes).map_err(error)?;
        name_ends(&mut network, &mut card).map_err(error)?;
        let own = fit_input(&network, &mut card).map_err(error)?;
        let batch = own.unwrap_or(batch.max(1));
        let (plan, form, channels_first) = planned(network, &card, batch).map_err(error)?;
        let name = path.file_name().map_or_else(|| place.clone(), |name| name.to_string_lossy().into_owned());
        let size = sides(&card).map(|side| u32::try_from(side).unwrap_or(u32::MAX));
        let origin = Origin { file: name, sha256: sha256(bytes), card };
        Ok(Encoder { origin, place, plan, form, channels_first, size, batch })
    }

    /// Which encoder this is; its card leaves nothing unsaid.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// What it makes of a picture.
    pub fn form(&self) -> Form {
        self.form
    }

    /// How many pictures it looks at together.
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// Appends a picture file, whose name in errors is `place`, as the network takes it.
    ///
    /// # Errors
    /// If it is no picture that can be decoded.
    pub fn bring(&self, bytes: &[u8], place: &str, to: &mut Vec<f32>) -> Result<(), DataError> {
        let [rows, columns] = self.size;
        let pixels = picture_of_bytes(bytes, place, rows, columns, self.origin.card.fit)?;
        self.origin.card.bring(&pixels, to);
        Ok(())
    }

    /// The features of at most [`Encoder::batch`] pictures that were brought, one after another; in a grid channels come last.
    ///
    /// # Errors
    /// If the network fails.
    ///
    /// # Panics
    /// If there are more, or parts of pictures.
    pub fn encode(&self, mut brought: Vec<f32>) -> Result<Vec<f32>, DataError> {
        let [rows, columns] = sides(&self.origin.card);
        let size = rows * columns * 3;
        let pictures = brought.len() / size;
        assert!(
            pictures <= self.batch && brought.len() == pictures * size,
            "{} numbers for at most {} pictures of {size} each",
            brought.len(),
            self.batch
        );
        if pictures == 0 {
            return Ok(Vec::new());
        }
        // A plan is for one number of pictures; what lies beyond those that there are is not looked at again.
        brought.resize(self.batch * size, 0.0);
        let run = || -> TractResult<Vec<f32>> {
            let shape = shape_of(&self.origin.card, self.batch);
            let input = Tensor::from_shape(&shape, &brought)?;
            let outputs = self.plan.run(tvec!(input.into()))?;
            let output = outputs[0].cast_to::<f32>()?;
            Ok(output.try_as_plain_ram()?.as_slice::<f32>()?.to_vec())
        };
        let failed =
            |why: String| DataError::new(&self.place, format!("the network failed on a picture ({why})"));
        let mut features = caught(run).map_err(failed)?;
        features.truncate(pictures * self.form.size());
        if self.channels_first {
            self.form.bring_channels_last(&mut features);
        }
        Ok(features)
    }

    /// How a model that was trained on its features sees picture files.
    pub fn sight(self) -> Sight {
        Sight::new(move |bytes, place| {
            let mut brought = Vec::new();
            self.bring(bytes, place, &mut brought)?;
            self.encode(brought)
        })
    }
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What the runtime does, with its panics as errors.
fn caught<T>(work: impl FnOnce() -> TractResult<T>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => result.map_err(failed),
        Err(_) => Err("it brought the runtime down".into()),
    }
}

/// The network of a file.
fn network(bytes: &[u8]) -> Result<InferenceModel, String> {
    let onnx = onnx();
    let advice = "Give the file that an exporter such as `torch.onnx.export` wrote";
    let proto = caught(|| onnx.proto_model_for_read(&mut &bytes[..]))
        .map_err(|why| format!("is no ONNX file ({why}). {advice}"))?;
    let graph = check_graph(&proto).map_err(|problem| format!("{problem}. {advice}"))?;
    let unknown: BTreeSet<&str> = graph
        .node
        .iter()
        .map(|node| node.op_type.as_str())
        .filter(|op| !onnx.op_register.0.contains_key(*op))
        .collect();
    if !unknown.is_empty() {
        return Err(format!(
            "has operations that the runtime does not know: {}. Export the network without them, as to another opset version, or compute \
             the features elsewhere and give them by --features",
            listed(unknown)
        ));
    }
    let read = caught(|| onnx.parse(&proto, None));
    let read = read.map_err(|why| format!("cannot be read as a network ({why})"))?;
    if read.unresolved_inputs.is_empty() {
        Ok(read.model)
    } else {
        Err(format!(
            "uses what it does not define: {}",
            listed(read.unresolved_inputs.iter().map(String::as_str))
        ))
    }
}

/// The graph of a file, when its names lead somewhere and its weights are in it.
fn check_graph(proto: &ModelProto) -> Result<&GraphProto, String> {
    let graph = proto.graph.as_ref().ok_or("is no ONNX file, or one without a network")?;
    let outside =
        |weights: &&tract_onnx::pb::TensorProto| weights.data_location == Some(DataLocation::External as i32);
    if let Some(weights) = graph.initializer.iter().find(outside) {
        return Err(format!("keeps weights such as `{}` in another file; expected all in one", weights.name));
    }
    let made = graph.node.iter().flat_map(|node| &node.output);
    let given = graph.input.iter().map(|input| &input.name);
    let weights = graph.initializer.iter().map(|weights| &weights.name);
    let known: HashSet<&String> = made.chain(given).chain(weights).collect();
    match graph.output.iter().find(|output| !known.contains(&output.name)) {
        Some(output) => Err(format!("has an output `{}` that nothing in it makes", output.name)),
        None if graph.output.is_empty() => Err("has no output".into()),
        None => Ok(graph),
    }
}

/// Chooses input and output as the card says, and names in it those that it leaves to the network.
fn name_ends(network: &mut InferenceModel, card: &mut Card) -> Result<(), String> {
    let name = |network: &InferenceModel, outlet: OutletId| {
        let own = &network.node(outlet.node).name;
        network.outlet_label(outlet).unwrap_or(own).to_string()
    };
    let inputs = network.input_outlets().map_err(failed)?.to_vec();
    let names: Vec<String> = inputs.iter().map(|input| name(network, *input)).collect();
    let [input] = &names[..] else {
        return Err(format!(
            "has the inputs {}; expected one, for pictures",
            listed(names.iter().map(String::as_str))
        ));
    };
    if let Some(wanted) = card.input.as_ref().filter(|wanted| *wanted != input) {
        return Err(format!("has the input `{input}`, but its card says {wanted:?}"));
    }
    let outputs = network.output_outlets().map_err(failed)?.to_vec();
    let names: Vec<String> = outputs.iter().map(|output| name(network, *output)).collect();
    let chosen = match &card.output {
        None => 0,
        Some(wanted) => names.iter().position(|name| name == wanted).ok_or_else(|| {
            format!(
                "has no output `{wanted}` as its card says, but {}",
                listed(names.iter().map(String::as_str))
            )
        })?,
    };
    card.input = Some(input.clone());
    card.output = Some(names[chosen].clone());
    network.select_output_outlets(&outputs[chosen..=chosen]).map_err(failed)
}

/// Holds the card against the shape of the input and fills in what it leaves to it; the pictures that the network takes at once,
/// where it says how many.
fn fit_input(network: &InferenceModel, card: &mut Card) -> Result<Option<usize>, String> {
    let fact = network.input_fact(0).map_err(failed)?;
    if let Some(kind) = fact.datum_type.concretize().filter(|kind| *kind != f32::datum_type()) {
        return Err(format!("takes numbers of type {kind:?}; expected floats of 32 bits"));
    }
    let extents: Vec<Option<usize>> =
        fact.shape.dims().map(|extent| extent.concretize().as_ref().and_then(number)).collect();
    let said = extents.iter().map(|extent| extent.map_or("?".into(), |extent| extent.to_string()));
    let said = said.collect::<Vec<_>>().join(", ");
    if !fact.shape.is_open() && extents.len() != 4 {
        return Err(format!(
            "takes an input of shape [{said}]; expected pictures, four extents of which one is 3 for the colours"
        ));
    }
    let extent = |at: usize| extents.get(at).copied().flatten();
    let layout = match (extent(1), extent(3)) {
        (Some(3), _) => Layout::Nchw,
        (_, Some(3)) => Layout::Nhwc,
        (None, _) | (_, None) => card.layout.unwrap_or(Layout::Nchw),
        _ => {
            return Err(format!(
                "takes an input of shape [{said}]; expected 3 colours, before or after rows and columns"
            ));
        }
    };
    // A picture of three rows has both.
    let both = extent(1) == Some(3) && extent(3) == Some(3);
    if card.layout.is_some_and(|wanted| wanted != layout && !both) {
        return Err(format!("takes an input of shape [{said}], which is not the layout that its card says"));
    }
    card.layout = card.layout.or(Some(layout));
    let own = if card.layout == Some(Layout::Nchw) { [extent(2), extent(3)] } else { [extent(1), extent(2)] };
    let size = card.size.unwrap_or(own.map(|side| side.unwrap_or(USUAL_SIDE)));
    if own.iter().zip(size).any(|(own, size)| own.is_some_and(|own| own != size)) {
        return Err(format!("takes an input of shape [{said}], but its card says a size of {size:?}"));
    }
    card.size = Some(size);
    // Checked again, for a network may ask for pictures of any size.
    card.check()?;
    let batch = extent(0);
    if batch == Some(0) {
        return Err(format!("takes an input of shape [{said}]; expected at least one picture"));
    }
    Ok(batch)
}

/// What the runtime could not do, with its causes, on one line.
fn failed(why: TractError) -> String {
    format!("{why:#}").replace('\n', " ")
}

/// Makes a network ready for so many pictures, and tells what it makes of each, and whether with channels first.
fn planned(
    mut network: InferenceModel,
    card: &Card,
    batch: usize,
) -> Result<(Arc<TypedRunnableModel>, Form, bool), String> {
    let ready = || {
        network.set_input_fact(0, f32::fact(shape_of(card, batch)).into())?;
        let network = network.into_typed()?;
        check_sizes(&network)?;
        network.into_optimized()?.into_runnable()
    };
    let plan = caught(ready).map_err(|why| {
        format!("cannot be run on {batch} pictures of {:?} pixels ({why}). Where `size` is wrong, say it in the card", sides(card))
    })?;
    let fact = plan.model().output_fact(0).map_err(failed)?;
    let extents: Option<Vec<usize>> = fact.shape.iter().map(number).collect();
    let name = card.output.as_deref().unwrap_or_default();
    let shape =
        extents.ok_or_else(|| format!("makes `{name}` of shape {:?}, which is not fixed", fact.shape))?;
    let refused = |problem: &str| Err(format!("makes `{name}` of shape {shape:?}; {problem}"));
    if shape.first() != Some(&batch) {
        return refused(&format!(
            "expected {batch} first, one for each picture. Try --batch 1, or name another output in the card"
        ));
    }
    if !fact.datum_type.is_float() {
        return refused(&format!("its numbers are {:?}, expected floats", fact.datum_type));
    }
    // Networks with rows and columns have their channels where the pictures have them; lists of places come from transformers.
    let first = shape.len() == 4 && card.layout == Some(Layout::Nchw);
    let channels = if first { Channels::First } else { Channels::Last };
    match Form::of(&shape[1..], Some(channels)) {
        Ok(form) => Ok((plan, form, first)),
        Err(_) => refused("expected a vector or a grid for each picture. Name another output in the card"),
    }
}

/// Whether every value of a network is of a size that a network for pictures may have; nothing is computed.
fn check_sizes(network: &TypedModel) -> TractResult<()> {
    for node in network.nodes() {
        for output in &node.outputs {
            let fact = &output.fact;
            let bytes = fact.shape.iter().try_fold(fact.datum_type.size_of() as u64, |bytes, extent| {
                bytes.checked_mul(number(extent)? as u64)
            });
            if bytes.is_none_or(|bytes| bytes > LARGEST_VALUE) {
                return Err(TractError::msg(format!(
                    "`{}` is of shape {:?}; expected at most {LARGEST_VALUE} bytes",
                    node.name, fact.shape
                )));
            }
        }
    }
    Ok(())
}

/// An extent that is a number.
fn number(extent: &TDim) -> Option<usize> {
    extent.as_i64().and_then(|extent| usize::try_from(extent).ok())
}

/// Rows and columns of what the network sees.
fn sides(card: &Card) -> [usize; 2] {
    card.size.unwrap_or([USUAL_SIDE; 2])
}

fn shape_of(card: &Card, batch: usize) -> [usize; 4] {
    let [rows, columns] = sides(card);
    match card.layout {
        Some(Layout::Nhwc) => [batch, rows, columns, 3],
        _ => [batch, 3, rows, columns],
    }
}

/// Some names, in words.
fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.into_iter().collect();
    let more = if names.len() > SHOWN { format!(" and {} more", names.len() - SHOWN) } else { String::new() };
    format!("{}{more}", names[..names.len().min(SHOWN)].join(", "))
}
