"""A hotel of several houses: *rooms* keeps what there is, *reservations* decides who has which room in which night."""
