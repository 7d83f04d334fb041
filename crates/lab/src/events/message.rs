//! Events as TensorBoard's protocol buffers have them
//! (<https://github.com/tensorflow/tensorboard/tree/master/tensorboard/compat/proto>), as far as they are written here:
//!
//! ```text
//! Event           1 wall_time double   2 step int64   3 file_version string   5 summary   7 session_log
//! SessionLog      1 status, START = 1
//! Summary         1 value, repeated
//! Value           1 tag string   2 simple_value float   8 tensor   9 metadata
//! Metadata        1 plugin_data { 1 plugin_name string }
//! Tensor          1 dtype, STRING = 7   2 shape { 2 dim { 1 size } }   8 string_val bytes
//! ```
//!
//! A field is its number and wire type as one varint, and its value; an inner message is bytes
//! (<https://protobuf.dev/programming-guides/encoding/>). These few are written by hand: a compiler of schemas would be more
//! to build than what it would write.

use super::Content;

/// The fields of a message, encoded.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn key(&mut self, field: u64, wire_type: u64) {
        self.push_varint(field << 3 | wire_type);
    }

    fn push_varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn whole(mut self, field: u64, value: u64) -> Message {
        self.key(field, 0);
        self.push_varint(value);
        self
    }

    fn double(mut self, field: u64, value: f64) -> Message {
        self.key(field, 1);
        self.0.extend(value.to_le_bytes());
        self
    }

    fn float(mut self, field: u64, value: f32) -> Message {
        self.key(field, 5);
        self.0.extend(value.to_le_bytes());
        self
    }

    fn bytes(mut self, field: u64, value: &[u8]) -> Message {
        self.key(field, 2);
        self.push_varint(value.len() as u64);
        self.0.extend(value);
        self
    }

    fn inner(self, field: u64, message: Message) -> Message {
        self.bytes(field, &message.0)
    }
}

/// What a file begins with.
pub(super) fn version(time: f64) -> Vec<u8> {
    Message::default().double(1, time).bytes(3, b"brain.Event:2").0
}

/// The start of a process, which takes back what was written of this step and those after it.
pub(super) fn start(time: f64, step: u64) -> Vec<u8> {
    event(time, step).inner(7, Message::default().whole(1, 1)).0
}

/// Values of a step.
pub(super) fn summary(time: f64, step: u64, values: &[(String, Content<'_>)]) -> Vec<u8> {
    let values = values.iter().fold(Message::default(), |summary, (tag, content)| {
        let value = Message::default().bytes(1, tag.as_bytes());
        summary.inner(
            1,
            match content {
                // TensorBoard keeps single precision.
                Content::Number(number) => value.float(2, *number as f32),
                Content::Text(text) => value.inner(9, of_plugin("text")).inner(8, tensor_of_text(text)),
            },
        )
    });
    event(time, step).inner(5, values).0
}

fn event(time: f64, step: u64) -> Message {
    Message::default().double(1, time).whole(2, step)
}

fn of_plugin(name: &str) -> Message {
    Message::default().inner(1, Message::default().bytes(1, name.as_bytes()))
}

fn tensor_of_text(text: &str) -> Message {
    let one = Message::default().inner(2, Message::default().whole(1, 1));
    Message::default().whole(1, 7).inner(2, one).bytes(8, text.as_bytes())
}

/// The step of an event; none of what is no event.
pub(super) fn step_of(mut event: &[u8]) -> Option<u64> {
    let mut step = 0;
    while !event.is_empty() {
        let key = take_varint(&mut event)?;
        match key & 7 {
            0 if key >> 3 == 2 => step = take_varint(&mut event)?,
            0 => drop(take_varint(&mut event)?),
            1 => event = event.get(8..)?,
            2 => {
                let length = usize::try_from(take_varint(&mut event)?).ok()?;
                event = event.get(length..)?;
            }
            5 => event = event.get(4..)?,
            _ => return None,
        }
    }
    Some(step)
}

fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for place in 0..10 {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_read_again_and_nonsense_is_none() {
        for step in [0, 1, 127, 128, 300, 1 << 40, u64::MAX >> 1] {
            let values = [("loss".to_string(), Content::Number(2.5)), ("said".into(), Content::Text("a"))];
            assert_eq!(step_of(&summary(1.5e9, step, &values)), Some(step));
            assert_eq!(step_of(&start(0.0, step)), Some(step));
        }
        assert_eq!(step_of(&version(1.0)), Some(0));
        for nonsense in [&[0x0b][..], &[0x12, 5, 1], &[0x80; 11], &[0x09, 1]] {
            assert_eq!(step_of(nonsense), None);
        }
    }
}
