"""Objects in a picture of many: the ``finder``, and which ``boxes`` tell of one object."""
