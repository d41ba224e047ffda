"""Everything that reads a database: readers, search, selections, lists. Changes nothing."""
