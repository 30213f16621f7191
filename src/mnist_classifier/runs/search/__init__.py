"""Search for settings: trials are runs, Optuna proposes their values, and the store is the only memory."""
