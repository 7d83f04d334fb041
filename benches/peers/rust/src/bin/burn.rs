//! burn with its `flex` backend: the captioner as its users write it, a loop over time on padded captions.

use burn::tensor::activation::{log_softmax, sigmoid};
use burn::tensor::{Device, Int, Tensor, TensorData};
use peers::Case;

fn main() {
    let case = Case::from_arguments();
    let Case { n, t, f, v, .. } = case;
    let device = Device::flex().autodiff();
    let matrix =
        |values: Vec<f32>, shape: [usize; 2]| Tensor::<2>::from_data(TensorData::new(values, shape), &device);
    let vars: Vec<Tensor<2>> = case
        .parameters()
        .into_iter()
        .zip(case.shapes())
        .map(|(values, shape)| matrix(values, shape).require_grad())
        .collect();
    let features = matrix(case.features(), [n, f]);
    let (read, predict) = case.words();
    let mask = matrix(predict.iter().map(|word| f32::from(u8::from(*word != 0))).collect(), [t * n, 1]);
    let read = Tensor::<1, Int>::from_data(TensorData::new(read, [t * n]), &device);
    let predict = Tensor::<2, Int>::from_data(TensorData::new(predict, [t * n, 1]), &device);

    let step = || {
        let [w_proj, b_proj, w_embed, wx, wh, b, w_vocab, b_vocab]: [Tensor<2>; 8] =
            vars.clone().try_into().expect("eight parameters");
        let mut h = features.clone().matmul(w_proj) + b_proj;
        let mut c = h.zeros_like();
        let x = w_embed.select(0, read.clone());
        let mut states = Vec::new();
        for step in 0..t {
            let x = x.clone().narrow(0, step * n, n);
            h = match case.cell.as_str() {
                "rnn" => (x.matmul(wx.clone()) + h.matmul(wh.clone()) + b.clone()).tanh(),
                "lstm" => {
                    let a = x.matmul(wx.clone()) + h.matmul(wh.clone()) + b.clone();
                    let [i, f, o, g]: [Tensor<2>; 4] = a.chunk(4, 1).try_into().expect("four gates");
                    c = sigmoid(f) * c + sigmoid(i) * g.tanh();
                    sigmoid(o) * c.clone().tanh()
                }
                _ => {
                    let x = x.matmul(wx.clone()) + b.clone();
                    let [xf, xg]: [Tensor<2>; 2] = x.chunk(2, 1).try_into().expect("two blocks");
                    let [uf, ug]: [Tensor<2>; 2] = wh.clone().chunk(2, 1).try_into().expect("two blocks");
                    let f = sigmoid(xf + h.clone().matmul(uf));
                    let g = (xg + (f.clone() * h.clone()).matmul(ug)).tanh();
                    h.clone() + f * (g - h)
                }
            };
            states.push(h.clone());
        }
        let scores = (Tensor::cat(states, 0).matmul(w_vocab) + b_vocab).reshape([t * n, v]);
        let terms = log_softmax(scores, 1).gather(1, predict.clone()) * mask.clone();
        let loss = terms.sum() * (-1.0 / n as f64);
        let gradients = loss.backward();
        let gradient = |var: &Tensor<2>| var.grad(&gradients).expect("every parameter has a gradient");
        (loss.into_scalar::<f32>(), vars.iter().map(gradient).collect::<Vec<Tensor<2>>>())
    };

    let last = std::cell::RefCell::new(Vec::new());
    case.measure(
        "burn",
        || {
            let (loss, gradients) = step();
            *last.borrow_mut() = gradients;
            loss
        },
        || {
            let flat = |one: &Tensor<2>| one.clone().into_data().try_to_vec::<f32>().expect("numbers");
            last.borrow().iter().map(flat).collect()
        },
    );
}
