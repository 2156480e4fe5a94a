"""DragoNN's six simulations: parameters, planting, and files with every planted site."""
