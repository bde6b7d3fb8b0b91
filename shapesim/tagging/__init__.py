"""Labels with probabilities, for pictures and meshes, learnt from examples.

What is seen of files (``featuring``) goes to the ``heads`` of a tagger (``taggers``), or to one
whose network was trained with it (``finetuning``); ``learning`` does all that and tells how well
it went. ``labelling`` tags the assets of a gallery by the vectors that it has of them.
"""
