//! Curves over two logarithmic axes, as one SVG.

use std::fmt::Write;

/// One curve: its name, and points whose coordinates are all above zero.
pub struct Curve {
    pub name: String,
    pub points: Vec<(f64, f64)>,
}

/// A frame with its curves.
pub struct Plot<'a> {
    pub title: &'a str,
    pub x: &'a str,
    pub y: &'a str,
    pub curves: Vec<Curve>,
}

const WIDTH: f64 = 460.0;
const HEIGHT: f64 = 340.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 36.0;
const BOTTOM: f64 = 48.0;

/// Told apart without colour by their dashes too.
const STROKES: [(&str, &str); 4] =
    [("#1b6ca8", "none"), ("#c0392b", "6 3"), ("#2e7d32", "2 3"), ("#6a4c93", "8 3 2 3")];

/// The plots side by side.
pub fn svg(plots: &[Plot<'_>]) -> String {
    let width = WIDTH * plots.len() as f64;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {HEIGHT}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"{width}\" height=\"{HEIGHT}\" fill=\"white\"/>\n"
    );
    for (place, plot) in plots.iter().enumerate() {
        // Writing to a string does not fail.
        let _ = writeln!(text, "<g transform=\"translate({} 0)\">", WIDTH * place as f64);
        draw(&mut text, plot);
        text.push_str("</g>\n");
    }
    text.push_str("</svg>\n");
    text
}

fn draw(text: &mut String, plot: &Plot<'_>) {
    let points = || plot.curves.iter().flat_map(|curve| curve.points.iter());
    let (across, down) =
        (Axis::over(points().map(|point| point.0)), Axis::over(points().map(|point| point.1)));
    let x = |value: f64| LEFT + across.share(value) * (WIDTH - LEFT - RIGHT);
    let y = |value: f64| HEIGHT - BOTTOM - down.share(value) * (HEIGHT - TOP - BOTTOM);
    let (bottom, right) = (HEIGHT - BOTTOM, WIDTH - RIGHT);
    for (power, at) in across.powers().map(|power| (power, x(10_f64.powi(power)))) {
        let _ = writeln!(text, "<path d=\"M{at:.1} {TOP}V{bottom}\" stroke=\"#ddd\"/>");
        let _ = writeln!(
            text,
            "<text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            bottom + 16.0,
            ten(power)
        );
    }
    for (power, at) in down.powers().map(|power| (power, y(10_f64.powi(power)))) {
        let _ = writeln!(text, "<path d=\"M{LEFT} {at:.1}H{right}\" stroke=\"#ddd\"/>");
        let _ = writeln!(
            text,
            "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            LEFT - 6.0,
            at + 4.0,
            ten(power)
        );
    }
    let middle = (LEFT + right) / 2.0;
    let _ = writeln!(
        text,
        "<text x=\"{middle}\" y=\"20\" text-anchor=\"middle\" font-size=\"14\">{}</text>",
        plot.title
    );
    let _ = writeln!(
        text,
        "<text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
        HEIGHT - 12.0,
        plot.x
    );
    let half = (TOP + bottom) / 2.0;
    let _ = writeln!(
        text,
        "<text x=\"14\" y=\"{half}\" text-anchor=\"middle\" transform=\"rotate(-90 14 {half})\">{}</text>",
        plot.y
    );
    for (number, (curve, (colour, dashes))) in plot.curves.iter().zip(STROKES.iter().cycle()).enumerate() {
        let line: Vec<String> =
            curve.points.iter().map(|point| format!("{:.1},{:.1}", x(point.0), y(point.1))).collect();
        let style =
            format!("fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" stroke-dasharray=\"{dashes}\"");
        let _ = writeln!(text, "<polyline points=\"{}\" {style}/>", line.join(" "));
        let height = TOP + 14.0 + 16.0 * number as f64;
        let _ = writeln!(text, "<path d=\"M{} {height}h28\" {style}/>", LEFT + 8.0);
        let _ = writeln!(text, "<text x=\"{}\" y=\"{}\">{}</text>", LEFT + 42.0, height + 4.0, curve.name);
    }
}

/// A power of ten as a label.
fn ten(power: i32) -> String {
    if (-2..=4).contains(&power) { format!("{}", 10_f64.powi(power)) } else { format!("1e{power}") }
}

/// Whole powers of ten from below the least value to above the largest.
struct Axis {
    from: i32,
    to: i32,
}

impl Axis {
    fn over(values: impl Iterator<Item = f64>) -> Axis {
        let (least, most) = values.fold((f64::MAX, f64::MIN_POSITIVE), |(a, b), x| (a.min(x), b.max(x)));
        let from = least.min(most).log10().floor() as i32;
        Axis { from, to: (most.log10().ceil() as i32).max(from + 1) }
    }

    fn powers(&self) -> impl Iterator<Item = i32> {
        self.from..=self.to
    }

    fn share(&self, value: f64) -> f64 {
        (value.log10() - f64::from(self.from)) / f64::from(self.to - self.from)
    }
}
