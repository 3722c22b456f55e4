//! Small models of protocols. Stateright searches each as a whole: every order of every step, with processes that die
//! between any two of them. A model says what a step reads and writes at once, and nothing else.

#[cfg(test)]
mod holds;
