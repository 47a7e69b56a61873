-- A tally changes with most reports: with room on its page an update stays there and touches no index.
ALTER TABLE host_tallies SET (fillfactor = 70);

-- Bodies come packed; to try to pack them again costs time and gains nothing. Most are small enough to lie with their
-- row, up to a page of 8 KiB, rather than in a table of their own with an index of its own: partitions are made so, too.
ALTER TABLE report_bodies ALTER COLUMN body SET STORAGE EXTERNAL;
ALTER TABLE report_bodies_rest SET (toast_tuple_target = 8160);
