// The cell of the chapter "Write a cell", for its programs after the first.

pub use unspool::nn::{Cell, Param, Scope, init::fan_in};
pub use unspool::tape::Var;

pub struct Bell([Param; 4]);

impl Bell {
    pub fn new(mut scope: Scope<'_>, inputs: usize, hidden: usize) -> Bell {
        let rows = [("wf", inputs), ("uf", hidden), ("wg", inputs), ("ug", hidden)];
        Bell(rows.map(|(name, rows)| scope.weight(name, [rows, hidden], fan_in())))
    }
}

impl Cell for Bell {
    type State<'t> = Var<'t>;

    fn step<'t>(&self, h: Var<'t>, x: Var<'t>) -> (Var<'t>, Var<'t>) {
        let [wf, uf, wg, ug] = self.0;
        let f = (-(x.dot(wf) - h.dot(uf)).square()).exp();
        let g = (x.dot(wg) + h.dot(ug)).tanh();
        let h = h + f * (g - h);
        (h, h)
    }
}
