//! Lives that end at every operation, and folders that are damaged at every byte.

mod sim;
mod model;
mod ends;
mod damage;
mod left;
mod trouble;
mod real;
