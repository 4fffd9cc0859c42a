//! Parts of gamepads, and keys of the computer's keyboard.

use crate::choice::choices;

choices! {
    /// A stick, trigger or button of a gamepad. Buttons are named by their place, as the letters on them differ.
    #[derive(Default, PartialOrd, Ord, Hash)]
    pub enum GamepadPart {
        /// Left stick, −1 at the left to 1 at the right.
        #[default]
        LeftX = "left_x",
        /// Left stick, −1 at the bottom to 1 at the top.
        LeftY = "left_y",
        /// Right stick, −1 at the left to 1 at the right.
        RightX = "right_x",
        /// Right stick, −1 at the bottom to 1 at the top.
        RightY = "right_y",
        /// Left trigger, 0 to 1.
        LeftTrigger = "left_trigger",
        /// Right trigger, 0 to 1.
        RightTrigger = "right_trigger",
        /// Button above the left trigger.
        LeftShoulder = "left_shoulder",
        /// Button above the right trigger.
        RightShoulder = "right_shoulder",
        /// The lowest of the four buttons under the right thumb.
        South = "south",
        /// The rightmost of the four.
        East = "east",
        /// The leftmost of the four.
        West = "west",
        /// The highest of the four.
        North = "north",
        /// Direction pad.
        Up = "up",
        /// Direction pad.
        Down = "down",
        /// Direction pad.
        Left = "left",
        /// Direction pad.
        Right = "right",
        /// Button in the left stick.
        LeftThumb = "left_thumb",
        /// Button in the right stick.
        RightThumb = "right_thumb",
        /// Left of the buttons in the middle.
        Select = "select",
        /// Right of the buttons in the middle.
        Start = "start",
        /// The button with the maker's sign.
        Mode = "mode",
    }
}

impl GamepadPart {
    /// Numbers at the two ends of its travel.
    pub const fn travel(self) -> [f64; 2] {
        match self {
            Self::LeftX | Self::LeftY | Self::RightX | Self::RightY => [-1.0, 1.0],
            _ => [0.0, 1.0],
        }
    }
}

choices! {
    /// A letter or digit of the computer's keyboard.
    #[derive(Default, PartialOrd, Ord, Hash)]
    #[expect(missing_docs, reason = "each is its name")]
    pub enum ComputerKey {
        #[default]
        A = "a",
        B = "b",
        C = "c",
        D = "d",
        E = "e",
        F = "f",
        G = "g",
        H = "h",
        I = "i",
        J = "j",
        K = "k",
        L = "l",
        M = "m",
        N = "n",
        O = "o",
        P = "p",
        Q = "q",
        R = "r",
        S = "s",
        T = "t",
        U = "u",
        V = "v",
        W = "w",
        X = "x",
        Y = "y",
        Z = "z",
        Zero = "0",
        One = "1",
        Two = "2",
        Three = "3",
        Four = "4",
        Five = "5",
        Six = "6",
        Seven = "7",
        Eight = "8",
        Nine = "9",
    }
}
