//! The program of the README: a cell that is in no library, its gradient check, and its training as a captioner of pictures.
//!
//! `cargo run --release --example bell`, some 15 seconds. `new_cell` goes on from here.

use unspool::nn::{Cell, NamedCell, Param, Scope, check_cell, init::fan_in};
use unspool::{caption::data::scenes::Scenes, caption::error::Error, caption::trial, tape::Var};

struct Bell([Param; 4]);
fn bell(mut scope: Scope<'_>, d: usize, h: usize) -> Bell {
    let rows = [("wf", d), ("uf", h), ("wg", d), ("ug", h)];
    Bell(rows.map(|(name, rows)| scope.weight(name, [rows, h], fan_in())))
}
impl Cell for Bell {
    type State<'t> = Var<'t>;
    fn step<'t>(&self, h: Var<'t>, x: Var<'t>) -> (Var<'t>, Var<'t>) {
        let [wf, uf, wg, ug] = self.0;
        let f = (-(x.dot(wf) - h.dot(uf)).square()).exp(); // open where input and state agree
        let new = h + f * ((x.dot(wg) + h.dot(ug)).tanh() - h);
        (new, new)
    }
}
fn main() -> Result<(), Error> {
    let cell = NamedCell::new("bell", "a gate that opens where input and state agree", bell);
    trial::on_scenes(&cell, &Scenes::default(), 2000).map(|trial| println!("{}\n\n{trial}", check_cell(bell)))
}
