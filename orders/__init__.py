"""The vocabulary: values, arithmetic and errors that every other room speaks. Pure: no I/O, no Nautilus."""
