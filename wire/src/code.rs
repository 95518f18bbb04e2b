//! One-byte codes that may grow: a code that this build does not know is kept as it came.

/// Declares an enum that is one byte on the wire, with `Unknown(u8)` for what comes later.
macro_rules! codes {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $code:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        #[serde(from = "u8", into = "u8")]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
            /// A code of a later version.
            Unknown(u8),
        }

        impl From<u8> for $name {
            fn from(code: u8) -> Self {
                match code {
                    $($code => Self::$variant,)+
                    other => Self::Unknown(other),
                }
            }
        }

        impl From<$name> for u8 {
            fn from(code: $name) -> Self {
                match code {
                    $($name::$variant => $code,)+
                    $name::Unknown(other) => other,
                }
            }
        }
    };
}

pub(crate) use codes;
