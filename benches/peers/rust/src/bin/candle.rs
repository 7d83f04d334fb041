//! candle: the captioner as its users write it, a loop over time on padded captions.

use candle_core::{D, DType, Device, Result, Tensor, Var};
use candle_nn::ops::{log_softmax, sigmoid};
use peers::Case;

fn main() -> Result<()> {
    let (case, device) = (Case::from_arguments(), Device::Cpu);
    let Case { n, t, f, v, .. } = case;
    let vars = case
        .parameters()
        .into_iter()
        .zip(case.shapes())
        .map(|(values, [rows, columns])| {
            Var::from_tensor(&Tensor::from_vec(values, (rows, columns), &device)?)
        })
        .collect::<Result<Vec<Var>>>()?;
    let features = Tensor::from_vec(case.features(), (n, f), &device)?;
    let (read, predict) = case.words();
    let mask: Vec<f32> = predict.iter().map(|word| f32::from(u8::from(*word != 0))).collect();
    let mask = Tensor::from_vec(mask, (t * n, 1), &device)?;
    let index = |words: Vec<i32>| words.into_iter().map(|word| word as u32).collect::<Vec<u32>>();
    let read = Tensor::from_vec(index(read), t * n, &device)?;
    let predict = Tensor::from_vec(index(predict), (t * n, 1), &device)?;

    let step = || -> Result<(Tensor, Vec<Tensor>)> {
        let [w_proj, b_proj, w_embed, wx, wh, b, w_vocab, b_vocab] = &vars[..] else { unreachable!() };
        let mut h = features.matmul(w_proj)?.broadcast_add(b_proj)?;
        let mut c = h.zeros_like()?;
        let x = w_embed.index_select(&read, 0)?;
        let mut states = Vec::new();
        for step in 0..t {
            let x = x.narrow(0, step * n, n)?;
            h = match case.cell.as_str() {
                "rnn" => (x.matmul(wx)? + h.matmul(wh)?)?.broadcast_add(b)?.tanh()?,
                "lstm" => {
                    let a = (x.matmul(wx)? + h.matmul(wh)?)?.broadcast_add(b)?.chunk(4, 1)?;
                    let (i, f, o) = (sigmoid(&a[0])?, sigmoid(&a[1])?, sigmoid(&a[2])?);
                    c = ((f * &c)? + (i * a[3].tanh()?)?)?;
                    (o * c.tanh()?)?
                }
                _ => {
                    let (x, wh) = (x.matmul(wx)?.broadcast_add(b)?.chunk(2, 1)?, wh.chunk(2, 1)?);
                    let f = sigmoid(&(&x[0] + h.matmul(&wh[0].contiguous()?)?)?)?;
                    let g = (&x[1] + (&f * &h)?.matmul(&wh[1].contiguous()?)?)?.tanh()?;
                    (&h + (f * (g - &h)?)?)?
                }
            };
            states.push(h.clone());
        }
        let scores = Tensor::cat(&states, 0)?.matmul(w_vocab)?.broadcast_add(b_vocab)?.reshape((t * n, v))?;
        let terms = log_softmax(&scores, D::Minus1)?.gather(&predict, 1)?;
        let loss = ((terms * &mask)?.sum_all()? * (-1.0 / n as f64))?;
        let store = loss.backward()?;
        let gradient = |var: &Var| store.get(var).cloned().expect("every parameter has a gradient");
        Ok((loss, vars.iter().map(gradient).collect()))
    };

    let last = std::cell::RefCell::new(Vec::new());
    case.measure(
        "candle",
        || {
            let (loss, gradients) = step().expect("shapes that fit");
            *last.borrow_mut() = gradients;
            loss.to_dtype(DType::F32).and_then(|loss| loss.to_scalar()).expect("a number")
        },
        || {
            let flat = |one: &Tensor| one.flatten_all().and_then(|one| one.to_vec1()).expect("numbers");
            last.borrow().iter().map(flat).collect()
        },
    );
    Ok(())
}
