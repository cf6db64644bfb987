"""An invented exam series to rehearse with: files like those of awarding bodies and centres, without a real person."""
