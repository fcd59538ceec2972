"""What an agent asks: planner's questions as tools of the Model Context Protocol, with typed arguments and cut answers."""
