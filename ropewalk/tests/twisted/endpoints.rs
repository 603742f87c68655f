//! Twisted's tests of endpoint strings, standard input and output, adopted descriptors.
