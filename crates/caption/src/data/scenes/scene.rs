//! What a picture shows: one or two objects, each of a kind, a colour and a size, and where they lie.
//!
//! Positions are fractions of the picture's side, `[x, y]` with `y` growing downwards. Whoever looks at a picture must
//! not have to argue about it, so a [`Place`] or a [`Relation`] holds only where one axis clearly dominates, and
//! sampling draws again until one does.

use rand::Rng;
use rand::rngs::ChaCha8Rng;

/// Declares an attribute: an enum, all its values in order, and the English for each.
macro_rules! attribute {
    ($(#[$doc:meta])* $name:ident { $($value:ident = $phrase:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name {
            $(#[doc = concat!("“", $phrase, "”")] $value,)*
        }

        impl $name {
            /// All values in order.
            pub const ALL: &[$name] = &[$($name::$value),*];

            /// How captions say it, words separated by blanks.
            pub fn phrase(self) -> &'static str {
                match self {
                    $($name::$value => $phrase,)*
                }
            }
        }
    };
}

attribute! {
    /// The outline of an object.
    Kind { Circle = "circle", Square = "square", Triangle = "triangle", Cross = "cross" }
}

attribute! {
    /// The colour of an object, before the light of the picture changes it a little.
    Colour { Red = "red", Green = "green", Blue = "blue", Yellow = "yellow", Purple = "purple", White = "white" }
}

attribute! {
    /// How big an object is; no small object comes near a large one.
    Size { Small = "small", Large = "large" }
}

attribute! {
    /// Where in the picture an object lies.
    Place {
        Left = "on the left",
        Right = "on the right",
        Top = "at the top",
        Bottom = "at the bottom",
        Middle = "in the middle",
    }
}

attribute! {
    /// How one object lies to another.
    Relation { Left = "left of", Right = "right of", Above = "above", Below = "below" }
}

/// What can be said of an object without saying where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Look {
    /// How big.
    pub size: Size,
    /// Of which colour.
    pub colour: Colour,
    /// Of which outline.
    pub kind: Kind,
}

/// One thing in a picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Object {
    /// Size, colour and kind.
    pub look: Look,
    /// `[x, y]` as fractions of the picture's side.
    pub centre: [f32; 2],
    /// The radius of a circle of this size, as a fraction of the picture's side.
    pub radius: f32,
}

/// All that a picture shows and a caption may speak of.
#[derive(Debug, Clone, PartialEq)]
pub struct Scene {
    /// One or two objects; the order means nothing.
    pub objects: Vec<Object>,
}

/// How much longer the distance along one axis must be than along the other to decide a place or a relation.
const DOMINANCE: f32 = 2.5;
/// The least distance between two centres that are in a relation.
const APART: f32 = 0.4;
/// The greatest distance, along either axis, of the middle of two objects from the middle of the picture.
const ASKEW: f32 = 0.06;
/// The greatest distance from the middle, along either axis, that is still the middle.
const IN_THE_MIDDLE: f32 = 0.07;
/// The least distance from the middle that is a side of the picture.
const ASIDE: f32 = 0.18;
/// What is left free between two objects, and between an object and the edge.
const CLEARANCE: f32 = 0.03;

impl Kind {
    /// How far the outline reaches from its centre along an axis, in radii.
    ///
    /// The kinds cover similar areas, so that size is not a matter of kind.
    pub(super) fn reach(self) -> f32 {
        match self {
            Kind::Circle => 1.0,
            Kind::Square => 1.0,
            Kind::Triangle => 1.2,
            Kind::Cross => 1.15,
        }
    }
}

impl Object {
    /// Half the width of the object, as a fraction of the picture's side.
    pub(super) fn reach(&self) -> f32 {
        self.radius * self.look.kind.reach()
    }
}

impl Place {
    /// Where a point lies in the picture, if that is beyond argument.
    pub fn of(centre: [f32; 2]) -> Option<Place> {
        let offset = centre.map(|at| at - 0.5);
        if offset.iter().all(|at| at.abs() <= IN_THE_MIDDLE) {
            return Some(Place::Middle);
        }
        Some(match direction(offset, ASIDE)? {
            Relation::Left => Place::Left,
            Relation::Right => Place::Right,
            Relation::Above => Place::Top,
            Relation::Below => Place::Bottom,
        })
    }
}

impl Relation {
    /// How `a` lies to `b`, if that is beyond argument.
    pub fn between(a: [f32; 2], b: [f32; 2]) -> Option<Relation> {
        direction([a[0] - b[0], a[1] - b[1]], APART)
    }

    /// The relation of the second object to the first.
    pub fn opposite(self) -> Relation {
        match self {
            Relation::Left => Relation::Right,
            Relation::Right => Relation::Left,
            Relation::Above => Relation::Below,
            Relation::Below => Relation::Above,
        }
    }
}

/// Where an offset points, if it is at least `least` long and one axis dominates.
fn direction([x, y]: [f32; 2], least: f32) -> Option<Relation> {
    if x.abs() >= least && x.abs() >= DOMINANCE * y.abs() {
        Some(if x < 0.0 { Relation::Left } else { Relation::Right })
    } else if y.abs() >= least && y.abs() >= DOMINANCE * x.abs() {
        Some(if y < 0.0 { Relation::Above } else { Relation::Below })
    } else {
        None
    }
}

impl Scene {
    /// A scene of one object; each place is as likely as any other.
    pub(super) fn sample_one(rng: &mut ChaCha8Rng) -> Scene {
        let place = choose(Place::ALL, rng);
        let look = Look::sample(rng);
        loop {
            let object = Object::sample(look, rng);
            if Place::of(object.centre) == Some(place) {
                return Scene { objects: vec![object] };
            }
        }
    }

    /// A scene of two objects of different colours; each relation is as likely as any other.
    pub(super) fn sample_two(rng: &mut ChaCha8Rng) -> Scene {
        let relation = choose(Relation::ALL, rng);
        let one = Look::sample(rng);
        let other = loop {
            // With colours apart, no caption can mean both objects at once.
            let other = Look::sample(rng);
            if other.colour != one.colour {
                break other;
            }
        };
        loop {
            let objects = [Object::sample(one, rng), Object::sample(other, rng)];
            let [a, b] = objects.map(|object| object.centre);
            let distance = (a[0] - b[0]).abs().max((a[1] - b[1]).abs());
            let touching = objects[0].reach() + objects[1].reach() + CLEARANCE;
            let balanced = (0..2).all(|axis| (a[axis] + b[axis] - 1.0).abs() <= 2.0 * ASKEW);
            if balanced && Relation::between(a, b) == Some(relation) && distance >= touching {
                return Scene { objects: objects.to_vec() };
            }
        }
    }
}

impl Look {
    fn sample(rng: &mut ChaCha8Rng) -> Look {
        Look { size: choose(Size::ALL, rng), colour: choose(Colour::ALL, rng), kind: choose(Kind::ALL, rng) }
    }
}

impl Object {
    /// An object of this look, anywhere in the picture.
    fn sample(look: Look, rng: &mut ChaCha8Rng) -> Object {
        let radius = match look.size {
            Size::Small => between(0.105, 0.12, rng),
            Size::Large => between(0.17, 0.185, rng),
        };
        let margin = radius * look.kind.reach() + CLEARANCE;
        let centre = [(); 2].map(|()| between(margin, 1.0 - margin, rng));
        Object { look, centre, radius }
    }
}

/// A number drawn evenly between two others.
///
/// This and [`below`] use the generator's bits directly: how `rand` samples a range may change between its versions,
/// and with it every picture of a seed.
pub(super) fn between(low: f32, high: f32, rng: &mut ChaCha8Rng) -> f32 {
    let unit = (rng.next_u32() >> 8) as f32 / (1u32 << 24) as f32;
    low + (high - low) * unit
}

/// An index below `count`, drawn evenly up to one part in four billion.
pub(super) fn below(count: usize, rng: &mut ChaCha8Rng) -> usize {
    ((u64::from(rng.next_u32()) * count as u64) >> 32) as usize
}

/// One of several, drawn evenly.
fn choose<T: Copy>(of: &[T], rng: &mut ChaCha8Rng) -> T {
    of[below(of.len(), rng)]
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn sides_and_the_middle_are_places_and_corners_are_not() {
        let places = [[0.25, 0.55], [0.75, 0.45], [0.5, 0.2], [0.45, 0.8], [0.52, 0.47]].map(Place::of);
        assert_eq!(places.map(Option::unwrap), Place::ALL);
        for unclear in [[0.25, 0.25], [0.75, 0.3], [0.4, 0.5]] {
            assert_eq!(Place::of(unclear), None, "{unclear:?}");
        }
    }

    #[test]
    fn a_relation_needs_distance_along_one_axis_and_reverses() {
        let middle = [0.5, 0.5];
        for (point, relation) in [
            ([0.05, 0.6], Relation::Left),
            ([0.95, 0.5], Relation::Right),
            ([0.4, 0.1], Relation::Above),
            ([0.5, 0.95], Relation::Below),
        ] {
            assert_eq!(Relation::between(point, middle), Some(relation));
            assert_eq!(Relation::between(middle, point), Some(relation.opposite()));
        }
        assert_eq!(Relation::between([0.1, 0.1], middle), None);
        assert_eq!(Relation::between([0.3, 0.5], middle), None);
    }

    #[test]
    fn sampled_objects_lie_apart_and_inside_the_picture() {
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        for _ in 0..300 {
            let scene = Scene::sample_two(&mut rng);
            for object in &scene.objects {
                let [x, y] = object.centre;
                assert!([x, y, 1.0 - x, 1.0 - y].iter().all(|free| *free > object.reach()), "{scene:?}");
            }
            let [a, b] = [&scene.objects[0], &scene.objects[1]];
            let apart = (0..2).any(|axis| (a.centre[axis] - b.centre[axis]).abs() > a.reach() + b.reach());
            assert!(apart, "{scene:?}");
            assert_ne!(a.look.colour, b.look.colour);
        }
    }

    #[test]
    fn numbers_are_drawn_evenly_from_their_range() {
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let mut counts = [0; 5];
        for _ in 0..5000 {
            counts[below(5, &mut rng)] += 1;
            assert!((2.0..3.0).contains(&between(2.0, 3.0, &mut rng)));
        }
        assert!(counts.iter().all(|count| (900..1100).contains(count)), "{counts:?}");
    }
}
