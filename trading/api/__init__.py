"""Lists of trading's records for programs: read-only, by cursor."""
