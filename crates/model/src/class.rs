//! Object classes and the switches that choose among them.

use std::{fmt, str::FromStr};

/// What kind of object something is. Numbers are those of REFERENCE "Analytics".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ObjectClass {
    /// A human being.
    Person = 1,
    /// An animal.
    Animal = 2,
    /// Anything with wheels that carries people or goods.
    Vehicle = 3,
    /// A human face.
    Face = 4,
    /// Something that moves and that nothing has named.
    #[default]
    Unknown = 5,
}

impl ObjectClass {
    /// Every class, in the order of their numbers.
    pub const ALL: [Self; 5] = [Self::Person, Self::Animal, Self::Vehicle, Self::Face, Self::Unknown];

    /// The name on the wire and in files: `Person`, `Animal`, `Vehicle`, `Face`, `Unknown`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Person => "Person",
            Self::Animal => "Animal",
            Self::Vehicle => "Vehicle",
            Self::Face => "Face",
            Self::Unknown => "Unknown",
        }
    }
}

impl fmt::Display for ObjectClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for ObjectClass {
    type Err = String;

    /// Reads a class by name, in any letter case. The error lists the valid names.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|class| class.name().eq_ignore_ascii_case(text)).ok_or_else(|| {
            format!("unknown object class `{text}`: expected one of {}", Self::ALL.map(Self::name).join(", "))
        })
    }
}

/// The set of classes that may trigger an area or a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClassFilter(u8);

impl ClassFilter {
    /// Lets nothing pass.
    pub const NONE: Self = Self(0);
    /// Lets every class pass.
    pub const ALL: Self = Self(0b11111);

    /// This filter with `class` let through too.
    #[must_use]
    pub const fn with(self, class: ObjectClass) -> Self {
        Self(self.0 | Self::bit(class))
    }

    /// Whether `class` passes.
    pub const fn contains(self, class: ObjectClass) -> bool {
        self.0 & Self::bit(class) != 0
    }

    /// Whether nothing passes.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The classes that pass, in the order of their numbers.
    pub fn iter(self) -> impl Iterator<Item = ObjectClass> {
        ObjectClass::ALL.into_iter().filter(move |class| self.contains(*class))
    }

    const fn bit(class: ObjectClass) -> u8 {
        1 << (class as u8 - 1)
    }
}

impl FromIterator<ObjectClass> for ClassFilter {
    fn from_iter<I: IntoIterator<Item = ObjectClass>>(classes: I) -> Self {
        classes.into_iter().fold(Self::NONE, Self::with)
    }
}
