import { render } from 'preact';
const at = document.querySelector('#page');
if (at !== null) render(<p>here</p>, at);
