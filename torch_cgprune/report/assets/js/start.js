decisions.load();
startFilters();
if (data.suspects.length || plane) {
  startList();
  startPairs();
  startChooser();
  startViewer();
  startKeys();
}
startPruning();
startClasses();
startMap();
