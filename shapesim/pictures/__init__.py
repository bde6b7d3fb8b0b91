"""Picture files (``images``), their ``colours``, and what stands out in them (``keypoints``)."""
