/** Runs before anything is painted, so that a dark page never flashes light. */
export const THEME_SCRIPT =
  "(()=>{let t=null;try{t=localStorage.getItem('theme')}catch{}" +
  "document.documentElement.dataset.theme=t==='light'||t==='dark'?t:" +
  "matchMedia('(prefers-color-scheme: dark)').matches?'dark':'light'})()";
