"""What documents refer to: from bytes to links, in linear time on any bytes."""
