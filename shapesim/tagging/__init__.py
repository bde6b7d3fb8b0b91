"""Labels with probabilities, for pictures and meshes, learnt from examples.

What is seen of files (``featuring``) goes to the ``heads`` of a tagger (``taggers``), or to one
whose network was trained with it (``finetuning``). ``learning`` trains either, and tells how well
it tags what it has not seen; ``labelling`` tags a gallery's assets by the vectors that it has.
"""
