//! The view on a terminal: a bar, a line on how it stands, one on how it got there, and pinned lines.
//!
//! ```text
//! ██████████████████████░░░░░░░░░░░░░░░░░░░  812 captions/s  2m 13s left
//! epoch 3/10  step 1200/4000 (30%)  loss 31.42/caption 2.718/token
//! loss/token █▆▅▄▄▃▃▂▂▂▁▁  6.910 → 2.718
//!   beach.jpg: a dog runs on the beach
//! ```
//!
//! Every line is cut to the terminal's width; were one to wrap, each redraw would leave a line behind.

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::Text;

/// What is redrawn in place.
pub(super) struct Bar {
    all: MultiProgress,
    bar: ProgressBar,
    trend: ProgressBar,
    pinned: Vec<ProgressBar>,
}

impl Bar {
    /// A bar of so many steps, of which `done` were made before, on standard error.
    pub fn new(steps: u64, done: u64) -> Bar {
        Bar::on(MultiProgress::new(), steps, done)
    }

    fn on(all: MultiProgress, steps: u64, done: u64) -> Bar {
        let bar = all.add(ProgressBar::new(steps).with_position(done));
        bar.set_style(style("{wide_bar}{prefix}\n{wide_msg}"));
        let trend = all.add(line());
        Bar { all, bar, trend, pinned: Vec::new() }
    }

    pub fn set_length(&self, steps: u64) {
        self.bar.set_length(steps);
    }

    pub fn show(&self, done: u64, text: Text) {
        let Text { standing, outlook, trend } = text;
        self.bar.set_position(done);
        self.bar.set_prefix(outlook);
        self.bar.set_message(standing);
        self.trend.set_message(trend);
    }

    pub fn pin(&mut self, lines: &[String]) {
        while self.pinned.len() < lines.len() {
            self.pinned.push(self.all.add(line()));
        }
        self.pinned.drain(lines.len()..).for_each(|old| old.finish_and_clear());
        for (place, text) in self.pinned.iter().zip(lines) {
            place.set_message(format!("  {text}"));
        }
    }

    /// Does something while the lines of the bar are away.
    pub fn aside(&self, act: impl FnOnce()) {
        self.all.suspend(act);
    }

    /// Takes the bar away; the lines that are worth keeping.
    pub fn finish(self) -> Vec<String> {
        let standing = self.bar.message() + self.bar.prefix().as_str();
        let lines = [standing, self.trend.message()].into_iter();
        let lines = lines.chain(self.pinned.iter().map(ProgressBar::message));
        let lines = lines.filter(|line| !line.is_empty()).collect();
        let others = [self.bar, self.trend].into_iter();
        self.pinned.into_iter().chain(others).for_each(|bar| bar.finish_and_clear());
        lines
    }
}

/// A line of text.
fn line() -> ProgressBar {
    let line = ProgressBar::new(0);
    line.set_style(style("{wide_msg}"));
    line
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

#[cfg(test)]
mod tests {
    use indicatif::{InMemoryTerm, ProgressDrawTarget};

    use super::*;

    /// What stands on the screen once all is drawn.
    fn screen(bar: &Bar, terminal: &InMemoryTerm) -> Vec<String> {
        bar.bar.force_draw();
        terminal.contents().lines().map(str::to_string).collect()
    }

    #[test]
    fn samples_stay_below_the_bar_while_lines_scroll_above_it() {
        let terminal = InMemoryTerm::new(20, 50);
        let target = ProgressDrawTarget::term_like(Box::new(terminal.clone()));
        let mut bar = Bar::on(MultiProgress::with_draw_target(target), 10, 0);
        let text = |step: u64| Text {
            standing: format!("step {step}/10 {}", "and more ".repeat(9)),
            outlook: "  soon".into(),
            trend: "loss ▇▂".into(),
        };
        for step in 1..=10 {
            bar.show(step, text(step));
            if step % 5 == 0 {
                bar.all.println(format!("epoch {}", step / 5)).unwrap();
                bar.pin(&[format!("one.jpg: a dog, {step}"), "two.jpg: 犬".into()]);
            }
        }
        let lines = screen(&bar, &terminal);
        assert_eq!(lines.len(), 7, "{lines:#?}");
        assert_eq!(lines[..2], ["epoch 1", "epoch 2"]);
        assert!(lines[2].ends_with("  soon") && lines[2].chars().count() == 50, "{lines:#?}");
        assert!(lines[3].starts_with("step 10/10") && lines[3].len() == 50, "{lines:#?}");
        assert_eq!(lines[4..], ["loss ▇▂", "  one.jpg: a dog, 10", "  two.jpg: 犬"]);

        bar.pin(&["one.jpg: a cat".into()]);
        assert_eq!(screen(&bar, &terminal).last().unwrap(), "  one.jpg: a cat");
        let kept = bar.finish();
        assert!(kept[0].starts_with("step 10/10") && kept[0].ends_with("  soon"), "{kept:?}");
        assert_eq!(kept[1..], ["loss ▇▂", "  one.jpg: a cat"]);
        assert_eq!(terminal.contents(), "epoch 1\nepoch 2");
    }
}
