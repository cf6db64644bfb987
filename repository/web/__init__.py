"""HTTP: routes, pages and the JSON API. Turns requests into acts and errors into problems; decides nothing itself."""
